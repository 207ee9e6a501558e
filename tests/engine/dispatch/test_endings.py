"""Whatever happens to workers and listeners, every accepted job ends exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.api import FINAL, EngineError, Event, GenerationRequest, Job, Progress, Queued, Started
from engine.dispatch import Dispatcher
from engine.executors.fake import FakeExecutor, Plan, Start
from engine.settings import EngineSettings

SETTINGS = EngineSettings(queue_limit=8, start_timeout_s=60)
PHASES: tuple[type[Event] | tuple[type[Event], ...], ...] = (Queued, Started, Progress, FINAL)


@dataclass(frozen=True)
class Submit:
    tenant: str
    steps: int
    deadline: float | None


@dataclass(frozen=True)
class CancelJob:
    number: int


@dataclass(frozen=True)
class Kill:
    worker: int


@dataclass(frozen=True)
class Wait:
    seconds: float


ACTIONS = st.one_of(
    st.builds(Submit, st.sampled_from("abc"), st.integers(1, 6), st.none() | st.floats(0, 100)),
    st.builds(CancelJob, st.integers(0, 20)),
    st.builds(Kill, st.integers(0, 2)),
    st.builds(Wait, st.sampled_from([0.0, 0.0, 0.0, 0.3, 5.0, 61.0])),
)
STARTS = st.lists(st.sampled_from(Start), max_size=4)
DEATHS = st.lists(st.none() | st.integers(1, 6), max_size=20)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    starts=st.lists(STARTS, min_size=1, max_size=3),
    actions=st.lists(ACTIONS, max_size=40),
    deaths=DEATHS,
    close_early=st.booleans(),
)
def test_every_accepted_job_ends_exactly_once(
    make_request: Callable[..., GenerationRequest],
    simulate: Callable[[Coroutine[Any, Any, None]], None],
    starts: list[list[Start]],
    actions: list[Submit | CancelJob | Kill | Wait],
    deaths: list[int | None],
    close_early: bool,
) -> None:
    plans = iter(deaths)
    fakes = [
        FakeExecutor(f"w{number}", lambda request: Plan(die_at_step=next(plans, None)), worker_starts)
        for number, worker_starts in enumerate(starts)
    ]

    async def read(job: Job) -> list[Event]:
        return [event async for event in job]

    async def scenario() -> None:
        dispatcher = Dispatcher(fakes, SETTINGS, asyncio.get_running_loop().time)
        dispatcher.open()
        jobs: list[Job] = []
        listeners: list[asyncio.Task[list[Event]]] = []
        for action in actions:
            match action:
                case Submit(tenant, steps, deadline):
                    try:
                        jobs.append(dispatcher.submit(make_request(tenant, steps=steps, deadline=deadline)))
                    except EngineError:
                        continue
                    listeners.append(asyncio.create_task(read(jobs[-1])))
                case CancelJob(number):
                    if number < len(jobs):
                        jobs[number].cancel()
                case Kill(worker):
                    fakes[worker % len(fakes)].die()
                case Wait(seconds):
                    await asyncio.sleep(seconds)
        if not close_early:
            await asyncio.gather(*listeners)
            status = dispatcher.status()
            assert (status.queued, status.running) == (0, 0)
        await dispatcher.close()
        for events in await asyncio.gather(*listeners):
            assert [isinstance(event, FINAL) for event in events] == [False] * (len(events) - 1) + [True]
            phases = [next(n for n, phase in enumerate(PHASES) if isinstance(event, phase)) for event in events]
            assert phases == sorted(phases)

    simulate(scenario())
