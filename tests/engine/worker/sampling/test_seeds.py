"""Seeds, variations, and how far a variation goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from engine.api import ImageSeed, Recipe
from engine.worker.jobs import WorkerJob
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.sampling.interpolation import slerp
from engine.worker.sampling.seeds import initial_noise, seeded

SHAPE = (1, 4, 16, 16)


def noise(seed: int) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator("cpu").manual_seed(seed))


def test_a_seed_gives_the_noise_of_its_cpu_generator() -> None:
    assert torch.equal(initial_noise(ImageSeed(7), SHAPE)[0], noise(7))
    assert initial_noise(ImageSeed(7), SHAPE)[0].dtype is torch.float32


def test_the_generator_goes_on_where_the_noise_ended_whatever_the_variations() -> None:
    expected = seeded(7)
    torch.randn(SHAPE, generator=expected)
    wanted = torch.randn(SHAPE, generator=expected)
    for seed in (ImageSeed(7), ImageSeed(7).vary(8, 0.4).vary(9, 0.15)):
        _, generator = initial_noise(seed, SHAPE)
        assert torch.equal(torch.randn(SHAPE, generator=generator), wanted)


def test_strength_zero_is_the_parent_and_strength_one_the_other_bit_for_bit() -> None:
    assert torch.equal(initial_noise(ImageSeed(7).vary(8, 0.0), SHAPE)[0], noise(7))
    assert torch.equal(initial_noise(ImageSeed(7).vary(8, 1.0), SHAPE)[0], noise(8))


def test_variations_of_variations_are_applied_in_order() -> None:
    chain = ImageSeed(7).vary(8, 0.4).vary(9, 0.15)
    expected = slerp(slerp(noise(7), noise(8), 0.4), noise(9), 0.15)
    assert torch.equal(initial_noise(chain, SHAPE)[0], expected)


def test_a_subtle_variation_is_nearer_to_its_parent_than_a_strong_one_over_20_seeds(
    tiny: LoadedModel, recipe: Recipe, denoise: Callable[[LoadedModel, Recipe], WorkerJob]
) -> None:
    def final_latents(*seeds: ImageSeed) -> list[Tensor]:
        return [image.latents for image in denoise(tiny, replace(recipe, images=seeds)).image_states]

    for number in range(20):
        seed = ImageSeed(number)
        parent, subtle, strong = final_latents(seed, seed.vary(1000 + number, 0.15), seed.vary(1000 + number, 0.4))
        near, far = float((subtle - parent).norm()), float((strong - parent).norm())
        print(f"seed {number:2}: subtle {near:6.2f}  strong {far:6.2f}")
        assert 0 < near < far
