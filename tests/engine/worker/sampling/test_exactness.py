"""Pictures equal the stock pipeline's, and do not depend on what is drawn beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.api import ImageSeed, Recipe
from engine.catalog import SCHEDULERS
from engine.worker.jobs import WorkerJob
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.safety.images import to_picture
from engine.worker.sampling.batch import decode

Draw = Callable[[Recipe], list[Any]]


@pytest.fixture
def draw(tiny: LoadedModel, denoise: Callable[[LoadedModel, Recipe], WorkerJob]) -> Draw:
    def do(recipe: Recipe) -> list[Any]:
        return [np.asarray(to_picture(decode(image))) for image in denoise(tiny, recipe).image_states]

    return do


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_picture_equals_the_stock_pipelines(
    scheduler: str, draw: Draw, stock: Callable[..., Any], recipe: Recipe
) -> None:
    wanted = replace(recipe, scheduler=scheduler, steps=6, negative_prompt="blue")
    (ours,) = draw(wanted)
    assert ours.std() > 20
    assert np.array_equal(ours, np.asarray(stock(wanted)))
    assert not np.array_equal(ours, np.asarray(stock(wanted, prediction_type="epsilon")))


def test_a_picture_that_is_not_square_equals_the_stock_pipelines(
    draw: Draw, stock: Callable[..., Any], recipe: Recipe
) -> None:
    wanted = replace(recipe, width=96, height=64)
    (ours,) = draw(wanted)
    assert ours.shape == (64, 96, 3)
    assert np.array_equal(ours, np.asarray(stock(wanted)))


@pytest.mark.parametrize("scheduler", ["DPM++ 2M", "Euler a", "Heun"])
def test_a_batch_of_four_equals_each_seed_alone(scheduler: str, draw: Draw, recipe: Recipe) -> None:
    seeds = tuple(ImageSeed(seed) for seed in (7, 8, 2**32 - 1, 0))
    together = draw(replace(recipe, scheduler=scheduler, images=seeds))
    alone = [draw(replace(recipe, scheduler=scheduler, images=(seed,)))[0] for seed in seeds]
    assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))
    assert len({picture.tobytes() for picture in together}) == 4


def test_without_guidance_a_picture_is_within_one_level_of_the_stock_pipelines(
    draw: Draw, stock: Callable[..., Any], recipe: Recipe
) -> None:
    wanted = replace(recipe, guidance_scale=1.0)
    difference = draw(wanted)[0].astype(int) - np.asarray(stock(wanted)).astype(int)
    assert np.abs(difference).max() <= 1


def test_without_guidance_the_negative_prompt_changes_nothing(draw: Draw, recipe: Recipe) -> None:
    plain = draw(replace(recipe, guidance_scale=1.0))[0]
    negative = draw(replace(recipe, guidance_scale=1.0, negative_prompt="blue"))[0]
    guided = draw(replace(recipe, guidance_scale=3.0, negative_prompt="blue"))[0]
    assert np.array_equal(plain, negative)
    assert not np.array_equal(plain, guided)


def test_a_variation_of_strength_zero_is_its_parent_bit_for_bit(draw: Draw, recipe: Recipe) -> None:
    recipe = replace(recipe, scheduler="Euler a")
    varied = replace(recipe, images=(ImageSeed(7).vary(99, 0.0), ImageSeed(7).vary(99, 0.15)))
    parent = draw(recipe)[0]
    same, other = draw(varied)
    assert np.array_equal(parent, same)
    assert not np.array_equal(parent, other)
