"""What two workers must do together: the same test over fakes and over real worker processes on the pocket model."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from engine.api import EngineClient, Event, Failed, Finished, GenerationRequest, ImageSeed, Recipe, Started
from engine.catalog import load_catalog
from engine.executors.fake import FakeExecutor, StartOutcome
from engine.executors.port import Executor
from engine.executors.process import ProcessExecutor
from engine.service import open_engine
from engine.settings import EngineSettings, WorkerSpec

SETTINGS = EngineSettings()
INFO = load_catalog(SETTINGS.models_file, SETTINGS.models_dir).infos()[0]
NAMES = ("left", "right")
GUARD_S = 600


@dataclass(frozen=True)
class Pair:
    """Two executors under test, and how to end the first one's worker as a crash would."""

    executors: Sequence[Executor]
    kill_left: Callable[[], None]


def fakes() -> Pair:
    left = FakeExecutor("left", starts=[StartOutcome.READY, StartOutcome.HANG], step_s=0.002)
    return Pair((left, FakeExecutor("right", step_s=0.002)), left.die)


def processes() -> Pair:
    left, right = (
        ProcessExecutor(WorkerSpec(name, "cpu", 1), SETTINGS.models_file, SETTINGS.models_dir) for name in NAMES
    )

    def kill_left() -> None:
        assert left.pid is not None
        os.kill(left.pid, signal.SIGKILL)

    return Pair((left, right), kill_left)


class Ledger:
    """Submits again what a worker's death ended, and remembers who drew what."""

    def __init__(self, engine: EngineClient) -> None:
        self._engine = engine
        self.started: dict[str, list[str]] = {}
        self.both_draw = asyncio.Event()

    async def see_through(self, request: GenerationRequest) -> Event:
        while True:
            async for event in self._engine.submit(request):
                if isinstance(event, Started):
                    self.started.setdefault(request.job_id, []).append(event.worker)
                    if {worker for workers in self.started.values() for worker in workers} == set(NAMES):
                        self.both_draw.set()
            if not (isinstance(event, Failed) and event.error.retryable):
                return event


@pytest.mark.parametrize("make", [fakes, processes])
async def test_both_workers_draw_and_a_killed_ones_jobs_finish_on_the_other(make: Callable[[], Pair]) -> None:
    pair = make()
    requests = [
        GenerationRequest(
            Recipe(INFO.id, INFO.revision, "a red apple", "", 64, 64, 12, 4.5, "Euler", (ImageSeed(number),)),
            job_id=f"job-{number}",
            attempt=1,
            accepted_at=float(number),
            tenant=f"user-{number % 2}",
        )
        for number in range(6)
    ]
    async with asyncio.timeout(GUARD_S), open_engine(SETTINGS, executors=pair.executors) as engine:
        while engine.status().workers < len(NAMES):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        ledger = Ledger(engine)
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(ledger.see_through(request)) for request in requests]
            await ledger.both_draw.wait()
            pair.kill_left()
        assert all(isinstance(job.result(), Finished) for job in jobs)
    assert ["left", "right"] in ledger.started.values()
