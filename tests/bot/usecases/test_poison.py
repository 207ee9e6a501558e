"""Jobs that end whatever draws them: they end once, and nobody else pays for them. Real ledger, fake workers."""

from __future__ import annotations

import asyncio
import selectors
import tempfile
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.policy import Limits
from bot.domain.records import Generation, JobKind, JobState, Place
from bot.storage import NewJob, open_store
from bot.usecases import build
from bot.usecases.attempts import MOST_DEATHS
from bot.usecases.running_jobs import Ended, RunningJobs
from engine.api import EndsWorkers, ImageSeed, ModelInfo, Recipe, SchedulerInfo, Size
from engine.catalog import Catalog, ModelEntry, Source
from engine.executors.fake import FakeExecutor, FakePlan
from engine.service import open_engine
from engine.settings import EngineSettings
from engine.wire import Draw as DrawMessage
from engine.wire import ToWorker

T = TypeVar("T")

RECIPE = Recipe("pocket", "1", "a red apple", "", 64, 64, 6, 4.5, "Euler", (ImageSeed(7),))
POCKET = ModelInfo(
    id="pocket",
    title="Pocket",
    family="sd1",
    revision="1",
    licence="MIT",
    description="everyday things",
    sizes=(Size("square", 64, 64),),
    size_step=8,
    min_side=64,
    max_side=128,
    steps=6,
    min_steps=1,
    max_steps=60,
    guidance_scale=4.5,
    min_guidance=1.0,
    max_guidance=15.0,
    schedulers=(SchedulerInfo("Euler"),),
    scheduler="Euler",
)
SETTINGS = EngineSettings(patience_row_steps=20, start_timeout_s=60, step_timeout_s=30)


@dataclass(frozen=True)
class Asked:
    """A job.

    Args:
        member: whose.
        images: how many.
        poison: what it does to its worker; None if it is innocent.
        side: of the picture; jobs of one side share calls.
    """

    member: int = 1
    images: int = 1
    poison: FakePlan | None = None
    side: int = 64


class Watched(FakeExecutor):
    """A worker that knows what it has at the same time."""

    def send(self, message: ToWorker) -> None:
        if isinstance(message, DrawMessage):
            here = [request for request in self.requests if request.job_id in self._tasks]
            assert not here or not message.request.alone, "a suspect came to a worker that draws"
            assert not any(request.alone for request in here), "a job came to a suspect"
        super().send(message)


class Waits:
    """Who waits for the engine. Time passes while all who follow a job do, and not while one waits for the ledger."""

    def __init__(self) -> None:
        self.following = 0
        self.parked = 0

    async def park(self, awaitable: Awaitable[T], /) -> T:
        self.parked += 1
        try:
            return await awaitable
        finally:
            self.parked -= 1

    @property
    def time_may_pass(self) -> bool:
        return 0 < self.following == self.parked


class _Selector(selectors.DefaultSelector):
    """Lets time jump to the next timer where it may, and otherwise waits for what threads do."""

    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self.now = 0.0
        self._waits = waits

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if not self._waits.time_may_pass:
            return super().select(None)
        assert timeout is not None, "everybody waits for something that will never happen"
        self.now += timeout
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, waits: Waits) -> None:
        self._jumping = _Selector(waits)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


async def follow(draw: RunningJobs, generation_id: str, waits: Waits) -> Generation:
    waits.following += 1
    try:
        *_, last = [update async for update in draw.follow(generation_id)]
    finally:
        waits.following -= 1
    assert isinstance(last, Ended)
    return last.generation


async def draw_all(
    asked: Sequence[Asked], workers: Sequence[FakeExecutor], folder: Path, waits: Waits
) -> list[Generation]:
    """Return what became of jobs that are asked for at once, in their order."""
    poison = {f"job-{number}": each.poison for number, each in enumerate(asked) if each.poison}
    for worker in workers:
        worker.plan = lambda request: poison.get(request.job_id, FakePlan())
    source = Source(folder=Path("/nowhere"))
    catalog = Catalog((ModelEntry(POCKET, source, source),))
    async with (
        open_store(folder, Limits(4, 100, 100, 128, 60)) as store,
        open_engine(SETTINGS, catalog, workers) as engine,
    ):
        draw = build(store, engine, park=waits.park).running_jobs
        for number, each in enumerate(asked):
            images = tuple(ImageSeed(seed) for seed in range(each.images))
            recipe = replace(RECIPE, images=images, width=each.side, height=each.side)
            job = NewJob(f"job-{number}", JobKind.IMAGINE, recipe, each.member, Place(11, 22), 1000.0 + number)
            await store.jobs.accept([job], lambda policy, usage: None)
        return list(await asyncio.gather(*(follow(draw, f"job-{number}", waits) for number in range(len(asked)))))


@contextmanager
def somewhere() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def run(asked: Sequence[Asked], *workers: FakeExecutor) -> list[Generation]:
    """Have jobs drawn in jumping time."""
    waits = Waits()
    with somewhere() as folder, asyncio.Runner(loop_factory=lambda: _Loop(waits)) as runner:
        return runner.run(draw_all(asked, workers, folder, waits))


def crew(number: int, rows: int) -> list[FakeExecutor]:
    return [Watched(f"w-{index}", rows=rows, step_s=1.0) for index in range(number)]


POISONS = st.one_of(
    st.integers(1, 6).map(lambda step: FakePlan(die_at_step=step)),
    st.integers(1, 6).map(lambda step: FakePlan(silent_at_step=step)),
)
JOBS = st.lists(
    st.builds(Asked, st.integers(1, 3), st.integers(1, 2), st.none() | POISONS, st.sampled_from([64, 128])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(JOBS, st.integers(1, 3), st.sampled_from([2, 4, 8, 32]))
def test_innocent_jobs_end_well_and_each_poison_job_ends_once(asked: list[Asked], workers: int, rows: int) -> None:
    ended = run(asked, *crew(workers, rows))
    for job, generation in zip(asked, ended, strict=True):
        if job.poison is None:
            assert generation.state is JobState.FINISHED
            assert generation.attempts <= 2
        else:
            assert generation.state is JobState.FAILED
            assert isinstance(generation.error, EndsWorkers)
            assert generation.attempts == MOST_DEATHS


def test_a_job_that_ends_its_worker_takes_nobody_with_it() -> None:
    asked = [Asked(), Asked(poison=FakePlan(die_at_step=2)), Asked()]
    first, poison, last = run(asked, *crew(1, rows=32))
    assert [first.state, poison.state, last.state] == [JobState.FINISHED, JobState.FAILED, JobState.FINISHED]
    assert isinstance(poison.error, EndsWorkers)


def test_a_job_that_makes_its_worker_hang_takes_nobody_with_it() -> None:
    asked = [Asked(), Asked(poison=FakePlan(silent_at_step=2)), Asked()]
    first, poison, last = run(asked, *crew(1, rows=32))
    assert [first.state, poison.state, last.state] == [JobState.FINISHED, JobState.FAILED, JobState.FINISHED]


def test_a_suspect_keeps_its_place_in_the_line_though_a_worker_has_to_be_empty_for_it() -> None:
    worker = Watched(rows=8, step_s=1.0)
    poison, *others = run([Asked(poison=FakePlan(die_at_step=1)), *(Asked() for _ in range(15))], worker)
    assert poison.state is JobState.FAILED
    assert {other.state for other in others} == {JobState.FINISHED}
    places = [place for place, request in enumerate(worker.requests) if request.job_id == "job-0"]
    assert places[-1] < len(worker.requests) - 4, [request.job_id for request in worker.requests]


def test_while_a_suspect_has_its_worker_the_other_worker_draws_on() -> None:
    left, right = Watched("left", rows=8, step_s=1.0), Watched("right", rows=8, step_s=1.0)
    asked = [Asked(poison=FakePlan(die_at_step=6)), *(Asked(member=2 + number) for number in range(20))]
    poison, *others = run(asked, left, right)
    assert poison.state is JobState.FAILED
    assert {other.state for other in others} == {JobState.FINISHED}
    alone = {request.job_id for worker in (left, right) for request in worker.requests if request.alone}
    assert "job-0" in alone
    assert len(alone) > 1  # those beside it, too
