"""What is asked of the engine: a recipe (what decides the pixels) inside a request (who and when)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

MAX_SEED = 2**32 - 1
MAX_IMAGES = 4
MAX_VARIATIONS = 64
MAX_LORA_WEIGHT = 4.0
PARSER_VERSION = 2
_LATER_FIELDS = ("inversions", "loras")


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
        object.__setattr__(self, "seed", _whole("variation seed", self.seed, 0, MAX_SEED))
        object.__setattr__(self, "strength", _real("variation strength", self.strength, 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class ImageSeed:
    """The initial noise of one image: a seed, then its variations in the order they were made.

    A variation of a variation appends to the chain, so that each picture stays close to the one it was made from.
    """

    seed: int
    variations: tuple[Variation, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", _whole("seed", self.seed, 0, MAX_SEED))
        object.__setattr__(self, "variations", tuple(self.variations))
        if len(self.variations) > MAX_VARIATIONS:
            raise ValueError(f"at most {MAX_VARIATIONS} variations of variations, not {len(self.variations)}")

    def vary(self, seed: int, strength: float) -> ImageSeed:
        """Return this noise moved by `strength` towards the noise of `seed`."""
        return ImageSeed(self.seed, (*self.variations, Variation(seed, strength)))


@dataclass(frozen=True, slots=True)
class Inversion:
    """A textual inversion: a word of the prompts that stands for vectors from a file.

    Args:
        word: found as a whole word, in any case.
        revision: of the file, as in the catalogue.
    """

    word: str
    revision: str


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA of the catalogue: low-rank changes to the layers of a model, which a prompt may ask for.

    Args:
        name: as in `<lora:name:0.8>`, in any case.
        revision: of the file.
        family: of the models that it is for.
    """

    name: str
    revision: str
    family: str


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA in a recipe.

    Args:
        name, revision: of the LoRA, as in the catalogue.
        weight: how much of it, -MAX_LORA_WEIGHT to MAX_LORA_WEIGHT.
    """

    name: str
    revision: str
    weight: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _real("LoRA weight", self.weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT))


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the pixels. Equal recipes have equal canonical JSON and equal hashes.

    Args:
        model: catalogue id.
        model_revision: revision of the model's files, as in the catalogue.
        prompt: positive prompt, as typed.
        negative_prompt: replaces the empty unconditional prompt.
        width, height: pixels.
        steps: num_inference_steps.
        guidance_scale: classifier-free guidance; 1.0 or less means none.
        scheduler: noise scheduler by the name people know, e.g. "DPM++ 2M".
        images: one entry per image, 1 to MAX_IMAGES.
        parser_version: version of the prompt syntax (`engine.api.syntax`) that reads the prompts; 1 has none.
        inversions: those that the prompts name, in the catalogue's order.
        loras: those that the prompts name, in their order.

    Raises:
        ValueError: a field is not a finite number, or outside what any model could take.
    """

    model: str
    model_revision: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    scheduler: str
    images: tuple[ImageSeed, ...]
    parser_version: int = PARSER_VERSION
    inversions: tuple[Inversion, ...] = ()
    loras: tuple[LoraUse, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", _whole("width", self.width, 1, 16384))
        object.__setattr__(self, "height", _whole("height", self.height, 1, 16384))
        object.__setattr__(self, "steps", _whole("steps", self.steps, 1, 1000))
        object.__setattr__(self, "guidance_scale", _real("guidance_scale", self.guidance_scale, 0.0, 100.0))
        object.__setattr__(self, "images", tuple(self.images))
        object.__setattr__(self, "inversions", tuple(self.inversions))
        object.__setattr__(self, "loras", tuple(self.loras))
        if not 1 <= len(self.images) <= MAX_IMAGES:
            raise ValueError(f"a recipe has 1 to {MAX_IMAGES} images, not {len(self.images)}")

    def canonical_json(self) -> str:
        """Return the one JSON text of this recipe: sorted keys, no spaces, numbers normalised.

        Fields that recipes did not always have are left out where they are empty, so that old recipes keep their text.
        """
        data = {name: value for name, value in asdict(self).items() if name not in _LATER_FIELDS or value}
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def sha256(self) -> str:
        """Return the hexadecimal SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read a recipe back from its canonical JSON.

        Raises:
            ValueError: the text is not a recipe's JSON.
        """
        try:
            data: Mapping[str, Any] = json.loads(text)
            images = tuple(
                ImageSeed(image["seed"], tuple(Variation(**variation) for variation in image["variations"]))
                for image in data["images"]
            )
            inversions = tuple(Inversion(**inversion) for inversion in data.get("inversions", ()))
            loras = tuple(LoraUse(**lora) for lora in data.get("loras", ()))
            nested: dict[str, Any] = {"images": images, "inversions": inversions, "loras": loras}
            known = {field.name for field in fields(cls)} - set(nested)
            if unknown := set(data) - known - set(nested):
                raise ValueError(f"unknown fields: {sorted(unknown)}")
            return cls(**nested, **{name: data[name] for name in known})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a recipe: {error!r}") from error


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A recipe and what decides when it is drawn and for whom.

    Args:
        recipe: what to draw.
        job_id: the ledger's id of the job; unique among live jobs.
        attempt: 1 for the first submission, counted by the ledger.
        accepted_at: when the ledger first accepted the job, seconds since the epoch; kept over attempts.
        tenant: who the queue must be fair to, e.g. "guild:user".
        weight: share of the queue against other tenants, over 0.
        deadline: give up if not started by then, seconds since the epoch; None for never.
        previews: whether pictures of the unfinished latents are wanted.
    """

    recipe: Recipe
    job_id: str
    attempt: int
    accepted_at: float
    tenant: str
    weight: float = 1.0
    deadline: float | None = None
    previews: bool = True


def _whole(name: str, value: float, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, not {value}")
    return int(value)


def _real(name: str, value: float, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, not {value}")
    return float(value) + 0.0  # -0.0 becomes 0.0, so that equal values have one JSON text
