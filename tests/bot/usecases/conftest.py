"""The use cases over a real ledger and a real engine whose worker is the fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.domain.policy import Limits, Member
from bot.domain.records import Generation, Place
from bot.domain.styles import Style
from bot.storage import Store, open_store
from bot.usecases import Usecases, build
from bot.usecases.imagine import Ask
from bot.usecases.running_jobs import Drawing, Ended, Update, Waiting
from engine.api import ModelInfo, SchedulerInfo, Size
from engine.catalog import Catalog, ModelEntry, Source
from engine.executors.fake import FakeExecutor, FakePlan, StartOutcome
from engine.service import EngineService, open_engine
from engine.settings import EngineSettings

T = TypeVar("T")

LIMITS = Limits(pictures_per_request=4, pictures_per_day=20, pictures_at_once=8, largest_side=192, most_steps=40)
GUILD = 11
ANN = Member(GUILD, 1)
BEN = Member(GUILD, 2, frozenset({5}))
MODERATOR = Member(GUILD, 3, may_moderate=True)
PLACE = Place(GUILD, 22)
NOON = 1_800_014_400.0  # of some day, UTC
PATIENCE_S = 600.0

POCKET = ModelInfo(
    id="pocket",
    title="Pocket",
    family="sd1",
    revision="1",
    licence="MIT",
    description="everyday things",
    sizes=(Size("square", 128, 128), Size("portrait", 128, 192), Size("landscape", 192, 128)),
    size_step=8,
    min_side=64,
    max_side=256,
    steps=6,
    min_steps=1,
    max_steps=60,
    guidance_scale=4.5,
    min_guidance=1.0,
    max_guidance=15.0,
    schedulers=(SchedulerInfo("DPM++ 2M"), SchedulerInfo("Euler")),
    scheduler="DPM++ 2M",
    negative_prompt="blurry",
)
OTHER = replace(POCKET, id="other", title="Other")


class Clock:
    """Tells the time that the test says."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class Studio:
    """An open bot without Discord. `reopen` is what a stop and a start leave."""

    ann, ben, moderator, place = ANN, BEN, MODERATOR, PLACE

    def __init__(self, data_dir: Path) -> None:
        self.clock = Clock()
        self.models: tuple[ModelInfo, ...] = (POCKET, OTHER)
        self.styles: tuple[Style, ...] = (Style("sketch", "Sketch", "grey lines", "sketch of {prompt}", "colour"),)
        self.queue_limit = 100
        self.starts: Iterable[StartOutcome] = ()
        self.make_worker: type[FakeExecutor] = FakeExecutor
        self.slept: list[float] = []
        self.asleep = asyncio.Event()
        self.wake = asyncio.Event()
        self.wake.set()
        self.parked = 0
        self.waits = asyncio.Event()
        self.data_dir = data_dir
        self.store: Store
        self.engine: EngineService
        self.usecases: Usecases
        self.worker: FakeExecutor
        self._stack = AsyncExitStack()
        self._seeds = count(1000)

    async def open(self) -> None:
        source = Source(folder=Path("/nowhere"))
        catalog = Catalog(tuple(ModelEntry(info, source, source) for info in self.models))
        settings = EngineSettings(queue_limit=self.queue_limit)
        self.worker = self.make_worker(starts=self.starts)
        self.store = await self._stack.enter_async_context(open_store(self.data_dir, LIMITS, clock=self.clock))
        self.engine = await self._stack.enter_async_context(open_engine(settings, catalog, [self.worker]))
        self.usecases = build(
            self.store,
            self.engine,
            styles=self.styles,
            park=self._park,
            clock=self.clock,
            new_seed=lambda: next(self._seeds),
            sleep=self._sleep,
        )

    async def close(self) -> None:
        await self._stack.aclose()

    async def reopen(self) -> None:
        await self.close()
        await self.open()

    async def pass_days(self, days: int) -> None:
        """Let days pass in which the bot runs, as the ledger can tell from what is recorded on each of them."""
        for _ in range(days):
            self.clock.now += 86_400
            await self.store.set_commands_hash("as before")

    def plan(self, **changes: Any) -> None:
        """Say what becomes of every job from now on."""
        self.worker.plan = lambda request: FakePlan(**changes)

    def die_on(self, *attempts: int) -> None:
        """Let the worker die on these attempts of every job from now on."""
        self.worker.plan = lambda request: FakePlan(die_at_step=2 if request.attempt in attempts else None)

    async def accepted(self, prompt: str = "a red apple", *, by: Member = ANN, **options: Any) -> Generation:
        return await self.usecases.imagine.accept(by, PLACE, Ask(prompt, **options))

    async def drawn(self, prompt: str = "a red apple", *, by: Member = ANN, **options: Any) -> Generation:
        """Ask for pictures and see them drawn."""
        return await self.end((await self.accepted(prompt, by=by, **options)).id)

    async def updates(self, generation_id: str) -> list[Update]:
        """Follow a job to its end."""
        async with asyncio.timeout(PATIENCE_S):
            return [update async for update in self.usecases.running_jobs.follow(generation_id)]

    async def end(self, generation_id: str) -> Generation:
        """Follow a job and return what became of it."""
        last = (await self.updates(generation_id))[-1]
        assert isinstance(last, Ended)
        return last.generation

    async def follow_until(self, generation_id: str, kind: type[Waiting | Drawing]) -> asyncio.Task[Generation]:
        """Follow a job in a task, and return that once the first update of a kind has come."""
        come = asyncio.Event()

        async def follow() -> Generation:
            async with asyncio.timeout(PATIENCE_S):
                async for update in self.usecases.running_jobs.follow(generation_id):
                    if isinstance(update, kind):
                        come.set()
            assert isinstance(update, Ended)
            return update.generation

        task = asyncio.create_task(follow())
        async with asyncio.timeout(PATIENCE_S):
            await come.wait()
        return task

    async def held(self) -> str:
        """Wait until the worker holds a job, and return its id."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.worker.held()

    async def get(self, generation_id: str) -> Generation:
        found = await self.store.jobs.get(generation_id)
        assert found is not None
        return found

    async def deny(self, model: str = "pocket") -> None:
        await self.usecases.admin.deny(MODERATOR, model)

    async def used(self, member: Member = ANN) -> tuple[int, int]:
        """Return the pictures that count for the member's day, and as active."""
        _, usage = await self.usecases.quota.of(member)
        return usage.today, usage.active

    async def _park(self, awaitable: Awaitable[T], /) -> T:
        self.parked += 1
        self.waits.set()
        return await awaitable

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep.set()
        await asyncio.sleep(0)
        await self.wake.wait()


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    """A bot that has just started."""
    studio = Studio(tmp_path / "data")
    await studio.open()
    yield studio
    await studio.close()
