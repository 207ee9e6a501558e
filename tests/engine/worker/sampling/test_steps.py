"""A step of many images is the same step that each would take alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.catalog import SCHEDULERS, Catalog
from engine.worker.jobs import WorkerJob, begin_job
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.loading.proofs import RowRules
from engine.worker.runtime.device import open_device
from engine.worker.safety import Detector
from engine.worker.sampling.batch import ImageState, decode, pack
from engine.worker.sampling.steps import advance
from tests.engine.stand_in_checker import any_checker

NAMES = tuple(SCHEDULERS)
EIGHTS = tuple((NAMES * 2)[first : first + 8] for first in range(0, len(NAMES), 8))
THREES = tuple((NAMES * 2)[first : first + 3] for first in range(0, len(NAMES), 3))
Begin = Callable[..., ImageState]


@pytest.fixture(scope="module", params=[1, 2], ids=["one thread", "two threads"])
def model(
    request: Any, make_catalog: Callable[..., Catalog], tiny_folder: Path, floor: Detector
) -> Iterator[LoadedModel]:
    """The tiny model, loaded at a number of threads."""
    yield ModelCache(make_catalog(tiny_folder), open_device("cpu", request.param), floor, any_checker).get("tiny")
    torch.set_num_threads(1)


@pytest.fixture
def begin(
    model: LoadedModel,
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
    begin_proven: Callable[[GenerationRequest, LoadedModel], WorkerJob],
) -> Begin:
    """Begin an image of the recipe with changes, its rows proven."""

    def do(seed: int = 7, **changes: Any) -> ImageState:
        return begin_proven(request_for(replace(recipe, images=(ImageSeed(seed),), **changes)), model).image_states[0]

    return do


def finish(image_states: list[ImageState], most_rows: int = 16) -> list[Tensor]:
    """Take images through all their steps together; give back their pixels."""
    while batch := pack(image_states, most_rows, {}):
        advance(batch)
    return [decode(image) for image in image_states]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_latents_equal_the_stock_pipelines(
    scheduler: str, model: LoadedModel, recipe: Recipe, begin: Begin, stock_latents: Callable[[Recipe], Tensor]
) -> None:
    changes: dict[str, Any] = {"scheduler": scheduler, "steps": 7, "negative_prompt": "blue"}
    image = begin(**changes)
    finish([image])
    assert torch.equal(image.latents[0], stock_latents(replace(recipe, **changes)))


@pytest.mark.parametrize("names", EIGHTS, ids=lambda names: f"{names[0]} and on")
def test_eight_images_that_join_and_leave_equal_each_alone(names: tuple[str, ...], begin: Begin) -> None:
    """Schedulers, steps, guidance and prompts all differ; each joins a step after the one before it."""
    wanted: list[dict[str, Any]] = [
        {
            "seed": number,
            "scheduler": names[number],
            "steps": 3 + number % 4,
            "guidance_scale": (3.0, 7.5, 1.0)[number % 3],
            "negative_prompt": "blue" * (number % 2),
        }
        for number in range(8)
    ]
    alone = [finish([begin(**changes)])[0] for changes in wanted]
    under_way: list[ImageState] = []
    largest = 0
    for changes in wanted:
        under_way.append(begin(**changes))
        batch = pack(under_way, 16, {})
        assert batch is not None
        advance(batch)
        largest = max(largest, batch.rows)
    assert largest > 2
    for together, one in zip(finish(under_way), alone, strict=True):
        assert torch.equal(together, one)


@pytest.mark.parametrize("names", EIGHTS, ids=lambda names: f"{names[0]} and on")
def test_calls_of_every_proven_size_equal_calls_of_two(names: tuple[str, ...], begin: Begin) -> None:
    alone = [finish([begin(seed, scheduler=name)], 2)[0] for seed, name in enumerate(names)]
    for rows in begin().row_rule.buckets:  # type: ignore[attr-defined]
        together = [begin(seed, scheduler=name) for seed, name in enumerate(names)]
        for pixels, one in zip(finish(together, rows), alone, strict=True):
            assert torch.equal(pixels, one)


@pytest.mark.parametrize("names", THREES, ids=lambda names: f"{names[0]} and on")
def test_a_step_that_raises_has_moved_no_image(names: tuple[str, ...], begin: Begin) -> None:
    """The last image's scheduler fails after it has drawn its noise; the step is then done again."""
    names = (*names, "Euler a")
    alone = [finish([begin(seed, scheduler=name)])[0] for seed, name in enumerate(names)]
    image_states = [begin(seed, scheduler=name) for seed, name in enumerate(names)]
    odd = image_states[-1].scheduler
    step, failures = odd.step, iter([False, True])

    def failing_once(*args: Any, **options: Any) -> Any:
        result = step(*args, **options)
        if next(failures, False):
            raise torch.OutOfMemoryError("no more")
        return result

    odd.step = failing_once
    batch = pack(image_states, 16, {})
    assert batch is not None
    advance(batch)
    before = [(image.step, image.latents, image.generator.get_state()) for image in image_states]
    with pytest.raises(torch.OutOfMemoryError):
        advance(batch)
    for image, (number, latents, generator) in zip(image_states, before, strict=True):
        assert (image.step, image.latents is latents) == (number, True)
        assert torch.equal(image.generator.get_state(), generator)
    for together, one in zip(finish(image_states), alone, strict=True):
        assert torch.equal(together, one)


def test_in_the_class_fast_pictures_are_close_and_no_guidance_costs_one_row(
    model: LoadedModel, begin: Begin, recipe: Recipe, request_for: Callable[..., GenerationRequest]
) -> None:
    def job(seed: int, guidance_scale: float) -> WorkerJob:
        wanted = replace(recipe, images=(ImageSeed(seed),), guidance_scale=guidance_scale)
        return begin_job(
            request_for(wanted), replace(model, rules=RowRules(model.pipeline.unet, 16, exact=False), exact=False)
        )

    image_states = [job(1, 3.0).image_states[0], job(2, 1.0).image_states[0], job(3, 1.0).image_states[0]]
    batch = pack(image_states, 16, {})
    assert batch is not None
    assert (len(batch.image_states), batch.rows) == (3, 4)
    exact = [finish([begin(seed, guidance_scale=scale)])[0] for seed, scale in ((1, 3.0), (2, 1.0), (3, 1.0))]
    for pixels, one in zip(finish(image_states), exact, strict=True):
        assert torch.allclose(pixels, one, atol=1 / 255)
