"""What a worker says, in which order, to what its parent sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from engine.api import GenerationRequest, ImageSeed, Recipe, Verdict
from engine.catalog import Catalog
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
    Loaded,
    Ready,
    Stop,
    Unfit,
)
from engine.worker.admission import Admission
from engine.worker.jobs import begin_job
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.loop import run_worker
from engine.worker.reviewing import Reviewing
from engine.worker.running_jobs import RunningJobs
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.runtime.messages import Unexpected
from engine.worker.safety import Detector, ProofFailed
from engine.worker.sampling.batch import LastStep
from engine.worker.threads.preparer import Preparer
from tests.engine.stand_in_checker import any_checker

FOUR = tuple(ImageSeed(seed) for seed in (1, 2, 3, 4))


def test_a_job_is_started_progresses_and_finishes(parent: Any, recipe: Recipe, request_for: Callable[..., Any]) -> None:
    heard = parent.run(Draw(request_for(recipe, previews=False)))
    assert [type(message) for message in heard] == [Ready, Loaded, JobStarted, *[JobProgress] * 4, JobFinished]
    assert [(message.step, message.total) for message in heard[3:-1]] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    finished = heard[-1]
    (result,) = finished.images
    assert (result.index, result.verdict, result.reason) == (0, Verdict.ALLOW, "")
    assert (result.image.width, result.image.height, result.image.media_type) == (64, 64, "image/png")
    assert finished.grid is None


def test_a_result_tells_how_it_was_made(parent: Any, recipe: Recipe, request_for: Callable[..., Any]) -> None:
    facts = parent.run(Draw(request_for(recipe)))[-1].facts
    assert (facts.worker, facts.device, facts.threads, facts.dtype) == ("cpu-0", "cpu", 1, "float32")
    assert {"diffusers", "torch", "transformers"} == {package for package, _ in facts.versions}
    assert facts.seconds > 0
    assert (facts.service, facts.bucket) == ("exact", 2)


def test_several_images_come_with_a_grid_in_reading_order(
    parent: Any, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    finished = parent.run(Draw(request_for(replace(recipe, images=FOUR))))[-1]
    tiles = [np.asarray(decode_picture(result.image.data)) for result in finished.images]
    grid = np.asarray(decode_picture(finished.grid.data))
    gap = 1
    assert grid.shape == (2 * 64 + gap, 2 * 64 + gap, 3)
    corners = [(0, 0), (0, 64 + gap), (64 + gap, 0), (64 + gap, 64 + gap)]
    for tile, (top, left) in zip(tiles, corners, strict=True):
        assert np.array_equal(grid[top : top + 64, left : left + 64], tile)


def test_progress_over_several_images_never_goes_back(
    parent: Any, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    parent.run(Draw(request_for(replace(recipe, images=FOUR, scheduler="Heun"))))
    steps = [message.step for message in parent.of(JobProgress)]
    assert steps == sorted(steps)
    assert steps[-1] == 4 * 7
    assert {message.total for message in parent.of(JobProgress)} == {4 * 7}


def test_jobs_join_in_the_order_they_came(parent: Any, recipe: Recipe, request_for: Callable[..., Any]) -> None:
    names = ["first", "second", "third"]
    parent.run(*(Draw(request_for(recipe, name)) for name in names))
    assert [message.job_id for message in parent.of(JobStarted)] == names
    assert sorted(message.job_id for message in parent.of(JobFinished)) == sorted(names)


def test_a_cancel_ends_a_running_job_at_the_next_step(
    make_parent: Callable[..., Any], tiny_folder: Path, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    parent = make_parent(tiny_folder, {JobProgress: Cancel("job-1")})
    parent.run(Draw(request_for(replace(recipe, images=FOUR))), Draw(request_for(recipe, "job-2")))
    of_first = [type(message) for message in parent.heard if getattr(message, "job_id", None) == "job-1"]
    assert of_first == [JobStarted, JobProgress, JobCancelled]
    assert [message.job_id for message in parent.of(JobFinished)] == ["job-2"]


def test_a_waiting_job_is_cancelled_without_being_started(
    parent: Any, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    parent.run(Draw(request_for(recipe)), Draw(request_for(recipe, "job-2")), Cancel("job-2"))
    assert [type(message) for message in parent.heard if getattr(message, "job_id", None) == "job-2"] == [JobCancelled]
    assert [message.job_id for message in parent.of(JobFinished)] == ["job-1"]


def test_a_cancel_of_an_unknown_job_is_ignored(parent: Any, recipe: Recipe, request_for: Callable[..., Any]) -> None:
    parent.run(Cancel("nobody"), Draw(request_for(recipe)))
    assert not parent.of(JobCancelled)
    assert len(parent.of(JobFinished)) == 1


def test_stop_ends_all_jobs_as_cancelled(
    make_parent: Callable[..., Any], tiny_folder: Path, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    parent = make_parent(tiny_folder, {JobProgress: Stop()})
    parent.run(Draw(request_for(recipe)), Draw(request_for(recipe, "job-2")))
    assert [message.job_id for message in parent.of(JobCancelled)] == ["job-1", "job-2"]
    assert not parent.of(JobFinished)


def test_a_worker_whose_parent_is_gone_ends_without_finishing(
    make_catalog: Callable[..., Catalog],
    tiny_folder: Path,
    device: Device,
    floor: Any,
    recipe: Recipe,
    request_for: Any,
) -> None:
    inbox = Inbox()
    heard: list[FromWorker] = []
    inbox.put(Draw(request_for(recipe)))
    inbox.put(None)
    assert run_worker("cpu-0", device, make_catalog(tiny_folder), inbox, heard.append, lambda: floor, any_checker) == 0
    assert [type(message) for message in heard] == [Ready]


def test_a_worker_whose_floor_fails_its_proof_is_unfit(
    make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device
) -> None:
    def failing() -> Any:
        raise ProofFailed("floor did not block blocked.png")

    inbox = Inbox()
    heard: list[FromWorker] = []
    inbox.put(None)
    assert run_worker("cpu-0", device, make_catalog(tiny_folder), inbox, heard.append, failing, any_checker) == 1
    assert heard == [Unfit("floor did not block blocked.png")]


def test_an_unknown_model_fails_as_such_and_the_next_job_is_drawn(
    parent: Any, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    parent.run(Draw(request_for(replace(recipe, model="other"))), Draw(request_for(recipe, "job-2")))
    (failed,) = parent.of(JobFailed)
    assert (failed.code, failed.data) == ("unknown_model", {"model": "other", "known": ("tiny",)})
    assert [message.job_id for message in parent.of(JobFinished)] == ["job-2"]


def test_an_unknown_scheduler_fails_as_such(parent: Any, recipe: Recipe, request_for: Callable[..., Any]) -> None:
    failed = parent.run(Draw(request_for(replace(recipe, scheduler="Best"))))[-1]
    assert (failed.code, failed.data["scheduler"]) == ("unknown_scheduler", "Best")


def test_a_model_whose_weights_are_missing_is_unavailable(
    make_parent: Callable[..., Any], copied_folder: Path, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    (copied_folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    failed = make_parent(copied_folder).run(Draw(request_for(recipe)))[-1]
    assert (failed.code, failed.data["model"]) == ("model_unavailable", "tiny")


def test_weights_that_are_not_safetensors_are_not_loaded(
    make_parent: Callable[..., Any], copied_folder: Path, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    import torch

    weights = copied_folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    failed = make_parent(copied_folder).run(Draw(request_for(recipe)))[-1]
    assert failed.code == "model_unavailable"


def test_drawing_that_raises_fails_its_job_alone(
    make_parent: Callable[..., Any], tiny_folder: Path, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    parent = make_parent(tiny_folder)
    parent.run(Draw(request_for(replace(recipe, width=1, height=8))), Draw(request_for(recipe, "job-2")))
    (failed,) = parent.of(JobFailed)
    assert (failed.job_id, failed.code) == ("job-1", "generation_failed")
    assert failed.data["reason"]
    assert [message.job_id for message in parent.of(JobFinished)] == ["job-2"]


class Busy:
    """A service thread that has so much to do, and never does it."""

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.asked: list[Callable[[], Any]] = []

    def submit(self, work: Callable[[], Any], failed: Callable[[Exception], Any] = Unexpected) -> None:
        self.asked.append(work)


def test_a_busy_service_thread_may_be_spared_drafts_but_not_the_look_that_they_rest_on(
    tiny: LoadedModel, device: Device, floor: Detector, recipe: Recipe, request_for: Callable[..., GenerationRequest]
) -> None:
    review_thread = Busy(waiting=9)
    models = ModelCache(Catalog(()), device, floor, any_checker)
    admission = Admission(Preparer(models), Busy(), Busy(), lambda message: None)
    running = RunningJobs("cpu-0", device, admission, lambda message: None)
    reviewing = Reviewing(running, admission, review_thread, lambda message: None)
    job = begin_job(request_for(replace(recipe, steps=20)), tiny)
    running.join(job)
    (drawing,) = job.image_states
    drawing.last = LastStep(drawing.timestep, drawing.latents, drawing.latents)

    def looks_after(step: int) -> int:
        drawing.step = step
        reviewing.preview(job)
        return len(review_thread.asked)

    assert [looks_after(step) for step in (1, 2, 10)] == [0, 1, 1]
    review_thread.waiting = 0
    assert looks_after(14) == 2
