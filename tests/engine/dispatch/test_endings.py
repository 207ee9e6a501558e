"""Whatever happens to workers and listeners, every accepted job ends exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.api import FINAL, EngineError, Event, GenerationRequest, Job, ModelUnavailable, Progress, Queued, Started
from engine.dispatch import Dispatcher
from engine.executors.fake import FakeExecutor, FakePlan, StartOutcome
from engine.settings import EngineSettings

SETTINGS = EngineSettings(
    queue_limit=8, queue_limit_per_tenant=5, patience_row_steps=20, start_timeout_s=60, step_timeout_s=30
)
PHASES: tuple[type[Event] | tuple[type[Event], ...], ...] = (Queued, Started, Progress, FINAL)


@dataclass(frozen=True)
class Submit:
    tenant: str
    weight: float
    model: str
    side: int
    steps: int
    deadline: float | None


@dataclass(frozen=True)
class CancelJob:
    number: int


@dataclass(frozen=True)
class Kill:
    worker: int


@dataclass(frozen=True)
class Hang:
    worker: int
    step: int


@dataclass(frozen=True)
class Resume:
    worker: int


@dataclass(frozen=True)
class Wait:
    seconds: float


ACTIONS = st.one_of(
    st.builds(
        Submit,
        st.sampled_from("abc"),
        st.sampled_from([0.1, 1.0, 3.0]),
        st.sampled_from(["pocket", "other", "broken"]),
        st.sampled_from([16, 32]),
        st.integers(1, 6),
        st.none() | st.floats(0, 100),
    ),
    st.builds(CancelJob, st.integers(0, 20)),
    st.builds(Kill, st.integers(0, 2)),
    st.builds(Hang, st.integers(0, 2), st.integers(0, 3)),
    st.builds(Resume, st.integers(0, 2)),
    st.builds(Wait, st.sampled_from([0.0, 0.0, 0.0, 0.3, 5.0, 61.0])),
)
STARTS = st.lists(st.sampled_from(StartOutcome), max_size=4)
DEATHS = st.lists(st.none() | st.integers(1, 6), max_size=20)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    starts=st.lists(STARTS, min_size=1, max_size=3),
    actions=st.lists(ACTIONS, max_size=40),
    deaths=DEATHS,
    rows=st.sampled_from([2, 8]),
    close_early=st.booleans(),
)
def test_every_accepted_job_ends_exactly_once(
    make_request: Callable[..., GenerationRequest],
    simulate: Callable[[Coroutine[Any, Any, None]], None],
    starts: list[list[StartOutcome]],
    actions: list[Submit | CancelJob | Kill | Hang | Resume | Wait],
    deaths: list[int | None],
    rows: int,
    close_early: bool,
) -> None:
    plans = iter(deaths)

    def plan(request: GenerationRequest) -> FakePlan:
        broken = ModelUnavailable("broken", "a tensor is missing") if request.recipe.model == "broken" else None
        return FakePlan(die_at_step=next(plans, None), fail=broken)

    fakes = [FakeExecutor(f"w{number}", plan, worker_starts, rows) for number, worker_starts in enumerate(starts)]

    async def read(job: Job) -> list[Event]:
        return [event async for event in job]

    async def scenario() -> None:
        dispatcher = Dispatcher(fakes, SETTINGS, asyncio.get_running_loop().time)
        dispatcher.open()
        jobs: list[Job] = []
        listeners: list[asyncio.Task[list[Event]]] = []
        for action in actions:
            match action:
                case Submit(tenant, weight, model, side, steps, deadline):
                    request = make_request(
                        tenant, weight=weight, model=model, side=side, steps=steps, deadline=deadline
                    )
                    try:
                        jobs.append(dispatcher.submit(request))
                    except EngineError:
                        continue
                    listeners.append(asyncio.create_task(read(jobs[-1])))
                case CancelJob(number):
                    if number < len(jobs):
                        jobs[number].cancel()
                case Kill(worker):
                    fakes[worker % len(fakes)].die()
                case Hang(worker, step):
                    fakes[worker % len(fakes)].hold(step)
                case Resume(worker):
                    fakes[worker % len(fakes)].release()
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
