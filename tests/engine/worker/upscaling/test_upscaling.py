"""Upscalers through a whole worker: what they make, beside what is drawn, past the gate, and back out of memory."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from engine.api import (
    BadInput,
    Fault,
    GenerationRequest,
    InputWithheld,
    Recipe,
    UnknownUpscaler,
    UpscalerUnavailable,
    Verdict,
)
from engine.catalog import Catalog, Source
from engine.catalog.models import with_upscalers
from engine.catalog.upscaler_inspection import inspect_upscaler
from engine.catalog.upscalers import UpscalerEntry
from engine.encoding import decode_picture
from engine.wire import (
    Cancel,
    Draw,
    FromWorker,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobProgress,
    JobStarted,
    ToWorker,
)
from engine.worker.loading.memory import Memory
from engine.worker.loading.model_cache import ModelCache, NoRoom
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from engine.worker.upscaling.rrdb import RrdbNet
from engine.worker.upscaling.upscalers import Upscalers, load_upscaler, plain_text
from tests.engine.stand_in_checker import any_checker

Enlarge = Callable[..., GenerationRequest]


@pytest.fixture
def worker(make_parent: Callable[..., Any], with_all: Catalog, tiny_folder: Path) -> Any:
    parent = make_parent(tiny_folder)
    parent.catalog = with_all
    return parent


@pytest.fixture
def drawing(recipe: Recipe, request_for: Callable[..., GenerationRequest]) -> Draw:
    """A job without an upscaler; when it is prepared, all that earlier jobs gave back is back."""
    return Draw(request_for(recipe, "drawn", previews=False))


def picture_of(finished: JobFinished) -> Image.Image:
    (result,) = finished.images
    assert result.image is not None, result.reason
    return decode_picture(result.image.data)


def entry(catalog: Catalog, name: str) -> UpscalerEntry:
    return next(each for each in catalog.upscalers if each.upscaler.name == name)


@pytest.mark.parametrize(("name", "factor"), [("four", 4), ("four", 2), ("two", 2)])
def test_a_network_of_the_catalogue_makes_a_picture_larger(
    worker: Any, enlarge: Enlarge, with_all: Catalog, photograph: Image.Image, device: Device, name: str, factor: int
) -> None:
    finished = worker.run(Draw(enlarge(name, factor)))[-1]
    found = inspect_upscaler(entry(with_all, name))
    loaded: Any = load_upscaler(entry(with_all, name).source, found, device)
    unit = torch.from_numpy(np.asarray(photograph).astype(np.float32) / 255).permute(2, 0, 1)[None]
    larger = torch.nn.functional.avg_pool2d(loaded.network(unit), found.factor // factor)[0].clamp(0, 1)
    wanted = (larger.permute(1, 2, 0).numpy() * 255).round()
    assert picture_of(finished).size == (64 * factor, 64 * factor)
    assert np.abs(np.asarray(picture_of(finished)) - wanted).max() <= 1


@pytest.mark.parametrize("name", ["x4", "latent"])
def test_a_pipeline_of_the_catalogue_draws_what_it_draws_by_itself(
    worker: Any, enlarge: Enlarge, with_all: Catalog, photograph: Image.Image, name: str
) -> None:
    source, factor = entry(with_all, name).source, entry(with_all, name).upscaler.factor
    request = enlarge(name, factor)
    finished = worker.run(Draw(request))[-1]
    pipeline = diffusers.DiffusionPipeline.from_pretrained(source.folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    alone = pipeline(
        request.recipe.prompt,
        image=photograph,
        num_inference_steps=request.recipe.steps,
        guidance_scale=request.recipe.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(7),
    ).images[0]
    assert alone.size == (64 * factor, 64 * factor)
    assert np.array_equal(np.asarray(picture_of(finished)), np.asarray(alone))


@pytest.mark.parametrize(("name", "factor"), [("x4", 2), ("x4", 4), ("latent", 2)])
def test_a_picture_of_any_shape_grows_to_its_own(
    worker: Any, enlarge: Enlarge, photograph: Image.Image, recipe: Recipe, name: str, factor: int
) -> None:
    narrow = photograph.crop((0, 0, 40, 64))
    request = enlarge(name, factor, picture=narrow)
    shaped = replace(request, recipe=replace(request.recipe, width=40 * factor, height=64 * factor))
    assert picture_of(worker.run(Draw(shaped))[-1]).size == (40 * factor, 64 * factor)


def test_a_pipeline_is_told_what_the_prompt_says_and_not_how() -> None:
    assert plain_text("a (red:1.4) apple <lora:ink:0.5> BREAK on [wood]") == "a red apple on wood"


def test_others_are_drawn_while_a_picture_is_made_larger(worker: Any, enlarge: Enlarge, drawing: Draw) -> None:
    """The network waits for the other job's end, which would never come if it held up the steps."""
    drawn = queue.SimpleQueue[None]()

    def waits(module: Any, inputs: Any) -> None:
        if isinstance(module, RrdbNet):
            drawn.get(timeout=600)

    def listener(message: FromWorker) -> Iterable[ToWorker]:
        if isinstance(message, JobStarted) and message.job_id == "larger":
            return [drawing]
        if isinstance(message, JobFinished) and message.job_id == "drawn":
            drawn.put(None)
        return []

    worker.listener = listener
    with torch.nn.modules.module.register_module_forward_pre_hook(waits):
        worker.run(Draw(enlarge("four", 2)))
    assert [message.job_id for message in worker.of(JobFinished)] == ["drawn", "larger"]


def test_a_cancel_ends_it_before_the_next_tile_and_frees_what_it_took(
    worker: Any, enlarge: Enlarge, photograph: Image.Image, device: Device, floor: Detector, drawing: Draw
) -> None:
    models = worker.models = ModelCache(worker.catalog, device, floor, any_checker)
    wide = photograph.resize((640, 64))
    request = enlarge("four", 2, picture=wide)
    request = replace(request, recipe=replace(request.recipe, width=1280, height=128))
    sent: list[JobProgress] = []

    def listener(message: FromWorker) -> Iterable[ToWorker]:
        if isinstance(message, JobProgress) and not sent:
            sent.append(message)
            return [Cancel("larger"), Draw(enlarge("four", 2, "after"))]
        return [drawing] if isinstance(message, JobFinished) and message.job_id == "after" else []

    worker.listener = listener
    worker.run(Draw(request))
    assert worker.of(JobCancelled) == [JobCancelled("larger")]
    assert [message.job_id for message in worker.of(JobFinished)] == ["after", "drawn"]
    assert sent[0].total == 4
    assert max(message.step for message in worker.of(JobProgress) if message.job_id == "larger") < 4
    assert models.beside_bytes == 0


def test_progress_counts_tiles_or_steps(worker: Any, enlarge: Enlarge) -> None:
    worker.run(Draw(enlarge("four", 2, "tiles")), Draw(enlarge("latent", 2, "steps")))
    told = [(message.job_id, message.step, message.total) for message in worker.of(JobProgress)]
    assert [each for each in told if each[0] == "tiles"] == [("tiles", 0, 1), ("tiles", 1, 1)]
    assert [each for each in told if each[0] == "steps"] == [("steps", step, 4) for step in range(5)]


class Opinion:
    """A detector that minds pictures wider than so many pixels."""

    name = "opinion"

    def __init__(self, widest: int) -> None:
        self.widest = widest

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Any:
        from engine.worker.safety.detectors import Finding

        return Finding(max(view.width for view in views) > self.widest, "too wide")


@pytest.mark.parametrize("name", ["two", "latent"])
def test_what_an_upscaler_made_passes_the_gate_like_everything_else(worker: Any, enlarge: Enlarge, name: str) -> None:
    worker.floor = Opinion(64)
    (result,) = worker.run(Draw(enlarge(name, 2)))[-1].images
    assert (result.verdict, result.image) == (Verdict.BLOCK, None)


def test_a_picture_that_the_gate_does_not_allow_is_not_made_larger(worker: Any, enlarge: Enlarge) -> None:
    worker.floor = Opinion(32)
    assert failure(worker, enlarge("two", 2)) == InputWithheld.code
    assert worker.of(JobProgress) == []


def test_numbers_that_are_none_are_withheld(
    worker: Any, enlarge: Enlarge, with_all: Catalog, tmp_path: Path, networks: tuple[UpscalerEntry, ...]
) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(networks[1].source.folder / "two.safetensors")
    tensors["conv_last.bias"].fill_(float("nan"))
    save_file(tensors, tmp_path / "two.safetensors")
    worker.catalog = with_upscalers(with_all, [replace(networks[1], source=Source(tmp_path, file="two.safetensors"))])
    (result,) = worker.run(Draw(enlarge("two", 2)))[-1].images
    assert (result.verdict, result.fault) == (Verdict.ERROR, Fault.NOT_FINITE)


def failure(worker: Any, request: GenerationRequest) -> str:
    failed = worker.run(Draw(request))[-1]
    assert isinstance(failed, JobFailed), failed
    return failed.code


def test_a_request_that_cannot_be_served_fails_alone_and_says_why(
    worker: Any, enlarge: Enlarge, with_all: Catalog, tmp_path: Path
) -> None:
    request = enlarge("two", 2)
    assert request.recipe.upscaler
    gone = replace(request.recipe, upscaler=replace(request.recipe.upscaler, revision="9"))
    assert failure(worker, replace(request, recipe=gone)) == UnknownUpscaler.code
    assert failure(worker, replace(request, inputs=())) == BadInput.code
    broken = [replace(each, source=Source(tmp_path, file="none.safetensors")) for each in with_all.upscalers]
    worker.catalog = with_upscalers(with_all, broken)
    assert failure(worker, request) == UpscalerUnavailable.code


def test_a_network_of_another_factor_than_the_catalogue_says_is_refused(
    worker: Any, enlarge: Enlarge, with_all: Catalog, networks: tuple[UpscalerEntry, ...]
) -> None:
    wrong = replace(networks[1], source=networks[0].source)
    worker.catalog = with_upscalers(with_all, [wrong])
    failed = worker.run(Draw(enlarge("two", 2)))[-1]
    assert failed.data["reason"] == "it makes pictures x4, and the catalogue says 2"


def test_one_that_does_not_fit_into_memory_is_refused_with_what_it_takes(
    worker: Any, enlarge: Enlarge, device: Device, floor: Detector
) -> None:
    free = 10**9
    models = worker.models = ModelCache(worker.catalog, device, floor, any_checker, on_device=Memory(lambda: free))
    models.get("tiny")
    free = 1000
    failed = worker.run(Draw(enlarge("four", 2)))[-1]
    assert (failed.code, "of memory" in failed.data["reason"]) == (UpscalerUnavailable.code, True)
    free = 10**9
    assert isinstance(worker.run(Draw(enlarge("four", 2)))[-1], JobFinished)


def test_one_that_does_not_fit_beside_what_another_job_uses_waits_for_it(
    with_all: Catalog, device: Device, floor: Detector, enlarge: Enlarge
) -> None:
    free = 10**9
    models = ModelCache(with_all, device, floor, any_checker, on_device=Memory(lambda: free))
    use = enlarge("four", 2).recipe.upscaler
    assert use
    models.get("tiny")
    models.hold("tiny")
    models.hold("tiny")
    free = 1000
    upscalers = Upscalers(models)
    with pytest.raises(NoRoom):
        upscalers.take(use)
    models.release("tiny")
    with pytest.raises(UpscalerUnavailable):
        upscalers.take(use)


def test_its_memory_is_counted_while_a_job_has_it(
    with_all: Catalog, device: Device, floor: Detector, enlarge: Enlarge
) -> None:
    models = ModelCache(with_all, device, floor, any_checker)
    upscalers = Upscalers(models)
    use = enlarge("four", 2).recipe.upscaler
    assert use
    upscalers.take(use)
    upscalers.take(use)
    size = models.beside_bytes
    file = entry(with_all, "four").source.folder / "four.safetensors"
    assert 0 < size <= file.stat().st_size
    upscalers.give_back(use)
    assert models.beside_bytes == size
    upscalers.give_back(use)
    assert models.beside_bytes == 0


@pytest.mark.parametrize(("times", "ends"), [(1, JobFinished), (2, JobFailed)])
def test_out_of_memory_is_tried_once_more_and_ends_cleanly(
    worker: Any,
    enlarge: Enlarge,
    device: Device,
    floor: Detector,
    drawing: Draw,
    times: int,
    ends: type[FromWorker],
) -> None:
    worker.reactions = {ends: drawing}
    models = worker.models = ModelCache(worker.catalog, device, floor, any_checker)
    left = [torch.OutOfMemoryError("planned")] * times

    def fails(module: Any, inputs: Any) -> None:
        if isinstance(module, RrdbNet) and left:
            raise left.pop()

    with torch.nn.modules.module.register_module_forward_pre_hook(fails):
        worker.run(Draw(enlarge("four", 2)))
    ended = [type(message) for message in worker.heard if isinstance(message, JobFinished | JobFailed)]
    assert ended == [ends, JobFinished]
    assert models.beside_bytes == 0


def test_a_picture_handed_in_larger_than_the_recipe_grows_from_is_cut_to_shape(
    worker: Any, enlarge: Enlarge, photograph: Image.Image
) -> None:
    request = enlarge("two", 2, picture=photograph.resize((80, 64)))
    assert picture_of(worker.run(Draw(request))[-1]).size == (128, 128)
