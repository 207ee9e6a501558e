"""Static batching: which waiting requests are drawn together, and that each gets the picture it would get alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
import torch

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.catalog import Catalog
from engine.wire import Draw, FromWorker, JobFinished, JobStarted, Stop
from engine.wire.contenders import Contender
from engine.worker.bench.stock import StockServer, denoise_stock, denoise_together
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from tests.engine.stand_in_checker import any_checker

Serve = Callable[..., list[list[str]]]


@pytest.fixture
def serve(
    tiny_folder: Path,
    make_catalog: Callable[..., Catalog],
    device: Device,
    floor: Detector,
    request_for: Callable[..., GenerationRequest],
) -> Serve:
    """Let a contender serve requests that all wait; give back the names of those in each batch, in order."""
    models = ModelCache(make_catalog(tiny_folder), device, floor, any_checker)

    def do(contender: Contender, **recipes: Recipe) -> list[list[str]]:
        inbox = Inbox()
        heard: list[JobStarted | JobFinished] = []

        def hear(message: FromWorker) -> None:
            assert isinstance(message, JobStarted | JobFinished)
            heard.append(message)
            if sum(isinstance(each, JobFinished) for each in heard) == len(recipes):
                inbox.put(Stop())

        for name, recipe in recipes.items():
            inbox.put(Draw(request_for(recipe, name)))
        StockServer(contender, "cpu-0", device, models, inbox, hear).run()
        runs = [(kind, [each.job_id for each in run]) for kind, run in groupby(heard, key=type)]
        return [names for kind, names in runs if kind is JobStarted]

    return do


def test_requests_share_a_strict_batch_if_all_but_prompts_and_seed_agree(serve: Serve, recipe: Recipe) -> None:
    batches = serve(
        Contender.STATIC_STRICT,
        first=recipe,
        other_steps=replace(recipe, steps=3),
        other_words=replace(recipe, prompt="a cat", negative_prompt="blurry", images=(ImageSeed(8),)),
        other_guidance=replace(recipe, guidance_scale=5.0),
        other_scheduler=replace(recipe, scheduler="Euler"),
        other_size=replace(recipe, width=72),
    )
    assert batches == [
        ["first", "other_words"],
        ["other_steps"],
        ["other_guidance"],
        ["other_scheduler"],
        ["other_size"],
    ]


def test_requests_share_a_batch_by_steps_whatever_their_guidance(serve: Serve, recipe: Recipe) -> None:
    batches = serve(
        Contender.STATIC_STEPS,
        first=recipe,
        other_steps=replace(recipe, steps=3),
        other_guidance=replace(recipe, guidance_scale=5.0),
        other_scheduler=replace(recipe, scheduler="Euler"),
        no_guidance=replace(recipe, guidance_scale=1.0),
        other_size=replace(recipe, width=72),
    )
    assert batches == [["first", "other_guidance", "no_guidance"], ["other_steps"], ["other_scheduler"], ["other_size"]]


def test_one_after_the_other_nothing_is_shared(serve: Serve, recipe: Recipe) -> None:
    assert serve(Contender.SEQUENTIAL, first=recipe, second=recipe) == [["first"], ["second"]]


def test_a_batch_has_no_more_requests_than_the_device_has_rows_for(
    serve: Serve, recipe: Recipe, device: Device
) -> None:
    most = device.rows // 2
    waiting = {f"job_{number}": replace(recipe, steps=1) for number in range(most + 1)}
    assert [len(batch) for batch in serve(Contender.STATIC_STRICT, **waiting)] == [most, 1]


@torch.no_grad()
def test_a_batch_with_guidance_of_each_its_own_draws_what_the_stock_pipeline_draws_of_each_alone(
    tiny: LoadedModel, recipe: Recipe, request_for: Callable[..., GenerationRequest]
) -> None:
    recipes = [replace(recipe, guidance_scale=guidance, images=(ImageSeed(5),)) for guidance in (1.0, 3.0, 7.5)]
    requests = [request_for(each) for each in recipes]
    together = denoise_together(tiny.pipeline, requests)
    for latents, request in zip(together, requests, strict=True):
        torch.testing.assert_close(latents, denoise_stock(tiny.pipeline, [request])[0], atol=1e-4, rtol=1e-3)
    assert not torch.allclose(together[1], together[2], atol=1e-2)
