"""The initial noise of images: seeds, and small moves away from them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.api.numbers import real, whole

MAX_SEED = 2**32 - 1
MAX_VARIATIONS = 64


@dataclass(frozen=True, slots=True)
class Variation:
    """One step away from a seed's noise, towards another seed's.

    Args:
        seed: whose noise to move towards, 0 to MAX_SEED.
        strength: how far, 0.0 (not at all) to 1.0 (all the way), by spherical interpolation.
    """

    seed: int
    strength: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", whole("variation seed", self.seed, 0, MAX_SEED))
        object.__setattr__(self, "strength", real("variation strength", self.strength, 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class ImageSeed:
    """The initial noise of one image: a seed, then its variations in the order they were made.

    A variation of a variation appends to the chain, so that each picture stays close to the one it was made from.
    """

    seed: int
    variations: tuple[Variation, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", whole("seed", self.seed, 0, MAX_SEED))
        object.__setattr__(self, "variations", tuple(self.variations))
        if len(self.variations) > MAX_VARIATIONS:
            raise ValueError(f"at most {MAX_VARIATIONS} variations of variations, not {len(self.variations)}")

    def vary(self, seed: int, strength: float) -> ImageSeed:
        """Return this noise moved by `strength` towards the noise of `seed`."""
        return ImageSeed(self.seed, (*self.variations, Variation(seed, strength)))


def seeds_from(seed: int, count: int) -> tuple[ImageSeed, ...]:
    """Return a seed and those that follow it, as many as wanted; after MAX_SEED comes 0."""
    return tuple(ImageSeed((seed + number) % (MAX_SEED + 1)) for number in range(count))
