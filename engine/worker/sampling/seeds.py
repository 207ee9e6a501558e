"""From seeds to initial noise, the same on every device and in every batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.api import ImageSeed
from engine.worker.sampling.interpolation import slerp


def seeded(seed: int) -> torch.Generator:
    """Return a CPU generator at the start of a seed's stream."""
    return torch.Generator("cpu").manual_seed(seed)


def initial_noise(
    seed: ImageSeed, shape: Sequence[int], generator: torch.Generator | None = None
) -> tuple[Tensor, torch.Generator]:
    """Draw an image's initial noise.

    Args:
        seed: the image's seed and its variations, applied in order.
        shape: of the latents, (1, channels, height, width).
        generator: of the seed, when it has given something already; None at its start.

    Returns:
        The noise, float32 on the CPU, and the image's generator, which goes on to give its ancestral noise.
    """
    generator = generator or seeded(seed.seed)
    noise = torch.randn(tuple(shape), generator=generator, dtype=torch.float32)
    for variation in seed.variations:
        other = torch.randn(tuple(shape), generator=seeded(variation.seed), dtype=torch.float32)
        noise = slerp(noise, other, variation.strength)
    return noise, generator
