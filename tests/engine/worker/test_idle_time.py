"""A worker proves its rows when there is nothing to draw, and no job waits for more than one call of a proof."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.catalog import Catalog
from engine.wire import Draw, FromWorker, JobFinished, Stop, ToWorker
from engine.worker.jobs import warm_up
from engine.worker.loading.model_cache import ModelCache
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from tests.engine.stand_in_checker import any_checker

GUARD_S = 600.0
Draws = Callable[[str, int], Draw]


class Idle(Inbox):
    """Calls `idle` on the step thread when that is about to wait."""

    def __init__(self, idle: Callable[[], None]) -> None:
        super().__init__()
        self._idle = idle

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if self.empty():
            self._idle()
        return super().get(timeout=GUARD_S)


@pytest.fixture
def models(make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device, floor: Detector) -> ModelCache:
    """Loaded, with two rows at a time."""
    models = ModelCache(make_catalog(tiny_folder), device, floor, any_checker, warm_up=warm_up)
    models.get("tiny")
    return models


@pytest.fixture
def draws(recipe: Recipe, request_for: Callable[..., GenerationRequest]) -> Draws:
    """Ask for a job of some images."""
    return lambda job_id, images: Draw(
        request_for(replace(recipe, images=(ImageSeed(7),) * images), job_id, previews=False)
    )


@pytest.fixture
def worker(make_parent: Callable[..., Any], tiny_folder: Path, models: ModelCache) -> Any:
    """The parent of the worker; it stops the worker itself."""
    parent = make_parent(tiny_folder)
    parent.models, parent.awaited = models, 1
    return parent


@pytest.fixture
def is_proven(models: ModelCache, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Say whether the worker found nothing left to prove when it last looked."""
    went_on = [True]
    prove = models.prove

    def watched_prove() -> bool:
        went_on.append(prove())
        return went_on[-1]

    monkeypatch.setattr(models, "prove", watched_prove)
    return lambda: not went_on[-1]


@contextmanager
def watched(models: ModelCache, see: Callable[[str, int], None]) -> Iterator[None]:
    """Have `see` told the thread and the rows of each UNet call before it is made."""

    def look(unet: Any, arguments: Any) -> None:
        see(threading.current_thread().name, len(arguments[0]))

    handle = models.get("tiny").pipeline.unet.register_forward_pre_hook(look)
    try:
        yield
    finally:
        handle.remove()


def ended(worker: Any, job_id: str) -> bool:
    return any(message.job_id == job_id for message in worker.of(JobFinished))


def test_an_idle_worker_proves_its_rows_and_uses_them_from_then_on(
    worker: Any, draws: Draws, is_proven: Callable[[], bool]
) -> None:
    late_jobs = [draws("late", 4)]

    def when_idle() -> None:
        if ended(worker, "late"):
            worker.inbox.put(Stop())
        elif is_proven() and late_jobs:
            worker.send(late_jobs.pop())

    worker.inbox = Idle(when_idle)
    worker.run(draws("early", 4))
    early, late = worker.of(JobFinished)
    assert early.facts.bucket == 2
    assert late.facts.bucket > 2
    assert [image.image.sha256 for image in early.images] == [image.image.sha256 for image in late.images]


def test_a_job_that_comes_during_a_call_of_a_proof_waits_for_that_call_alone_and_the_proof_goes_on_later(
    worker: Any, models: ModelCache, draws: Draws, is_proven: Callable[[], bool]
) -> None:
    events: list[str] = []
    coming = {f"proof {number}": draws(f"job-{number}", 2) for number in (3, 5)}

    def see(thread: str, rows: int) -> None:
        events.append("step" if thread != "prepares" else f"proof {1 + sum('proof' in event for event in events)}")
        if job := coming.pop(events[-1], None):
            worker.send(job)

    def listen(message: FromWorker) -> Sequence[ToWorker]:
        events.append(type(message).__name__)
        return ()

    def when_idle() -> None:
        if is_proven() and not coming:
            worker.inbox.put(Stop())

    worker.inbox, worker.listener = Idle(when_idle), listen
    with watched(models, see):
        worker.run(draws("job-0", 1))
    told = [event for event in events if event != "JobProgress"]
    assert told[:7] == ["Loaded", "JobStarted", *["step"] * 4, "JobFinished"]
    calls = [event for event in told if "proof" in event]
    assert calls == [f"proof {number + 1}" for number in range(len(calls))]
    assert len(calls) > 5
    for number in (3, 5):
        after = told[told.index(f"proof {number}") + 1 : told.index(f"proof {number + 1}")]
        assert (after[0], after[-1]) == ("JobStarted", "JobFinished")
