"""The embedded model through the worker, for real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.api import ImageSeed, Recipe, Verdict
from engine.catalog import SCHEDULERS, load_catalog
from engine.encoding import decode_picture
from engine.worker.jobs import WorkerJob
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from engine.worker.safety.images import to_picture
from engine.worker.sampling.batch import decode

MODELS = Path(__file__).parents[3] / "config" / "models.toml"
RECIPE = Recipe("pocket", "1", "red apple", "", 128, 128, 5, 4.5, "DPM++ 2M", (ImageSeed(7),))


@pytest.fixture(scope="module")
def pocket(device: Device, floor: Detector) -> LoadedModel:
    return ModelCache(load_catalog(MODELS, MODELS.parent), device, floor).get("pocket")


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_pocket_draws_the_stock_pipelines_pixels(
    scheduler: str,
    pocket: LoadedModel,
    stock_pocket: Callable[..., Any],
    denoise: Callable[[LoadedModel, Recipe], WorkerJob],
) -> None:
    recipe = replace(RECIPE, scheduler=scheduler)
    job = denoise(pocket, recipe)
    ours = np.asarray(to_picture(decode(job.image_states[0])))
    assert np.array_equal(ours, np.asarray(stock_pocket(recipe)))


def test_a_batch_of_four_pocket_pictures_equals_each_seed_alone(
    pocket: LoadedModel, denoise: Callable[[LoadedModel, Recipe], WorkerJob]
) -> None:
    seeds = tuple(ImageSeed(seed) for seed in (7, 8, 9, 10))
    together = denoise(pocket, replace(RECIPE, images=seeds))
    for seed, drawing in zip(seeds, together.image_states, strict=True):
        alone = denoise(pocket, replace(RECIPE, images=(seed,))).image_states[0]
        assert np.array_equal(decode(drawing), decode(alone))


def test_an_everyday_picture_passes_the_gate(
    pocket: LoadedModel, denoise: Callable[[LoadedModel, Recipe], WorkerJob]
) -> None:
    (drawing,) = denoise(pocket, replace(RECIPE, steps=20)).image_states
    review = pocket.gate.review(decode(drawing), drawing.latents)
    assert (review.verdict, review.reason) == (Verdict.ALLOW, "")
    assert review.image is not None
    assert decode_picture(review.image.data).size == (128, 128)
