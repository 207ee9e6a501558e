"""The dispatcher over fake workers, in jumping time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.api import (
    Cancelled,
    DeadlinePassed,
    EngineStatus,
    EngineStopped,
    Event,
    Failed,
    Finished,
    GenerationRequest,
    Job,
    ModelUnavailable,
    Progress,
    Queued,
    SafetyUnavailable,
    Started,
    TooBusy,
    Trouble,
    WorkerDied,
)
from engine.dispatch import Dispatcher
from engine.executors.fake import FakeExecutor, FakePlan, StartOutcome
from engine.executors.port import Executor
from engine.settings import EngineSettings

SETTINGS = EngineSettings(start_timeout_s=60)
Simulate = Callable[[Coroutine[Any, Any, None]], None]
MakeRequest = Callable[..., GenerationRequest]


@asynccontextmanager
async def opened(*executors: Executor, **changes: Any) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(executors, SETTINGS.model_copy(update=changes), asyncio.get_running_loop().time)
    dispatcher.open()
    try:
        yield dispatcher
    finally:
        await dispatcher.close()


async def read(job: Job) -> list[Event]:
    return [event async for event in job]


async def last(job: Job) -> Event:
    return (await read(job))[-1]


async def settle() -> None:
    """Let everything that can happen now happen."""
    for _ in range(50):
        await asyncio.sleep(0)


async def until(dispatcher: Dispatcher, **wanted: Any) -> EngineStatus:
    """Let time, which costs nothing here, pass until the status is as wanted."""
    while any(getattr(dispatcher.status(), name) != value for name, value in wanted.items()):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return dispatcher.status()


def names(requests: Sequence[Any]) -> list[str]:
    return [request.job_id for request in requests]


def test_a_job_is_started_progresses_and_finishes(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        async with opened(FakeExecutor("w")) as dispatcher:
            await until(dispatcher, workers=1)
            events = await read(dispatcher.submit(make_request(steps=2, images=3)))
        assert events[:-1] == [Started("w"), Progress(1, 2), Progress(2, 2)]
        final = events[-1]
        assert isinstance(final, Finished)
        assert [result.index for result in final.images] == [0, 1, 2]
        assert final.grid is not None

    simulate(scenario())


def test_a_job_submitted_before_the_worker_is_ready_waits_for_it(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        async with opened(FakeExecutor()) as dispatcher:
            job = dispatcher.submit(make_request())
            assert dispatcher.status() == EngineStatus(workers=0, queued=1, running=0)
            assert isinstance(await last(job), Finished)
            assert dispatcher.status() == EngineStatus(workers=1, queued=0, running=0)

    simulate(scenario())


def test_a_tenant_with_many_jobs_delays_another_by_one_job_at_most(
    make_request: MakeRequest, simulate: Simulate
) -> None:
    async def scenario() -> None:
        fake = FakeExecutor()
        async with opened(fake) as dispatcher:
            flood = [dispatcher.submit(make_request("ann")) for _ in range(5)]
            fake.hold()
            await fake.held()
            dispatcher.submit(make_request("bob", job_id="bob's"))
            fake.release()
            for job in flood:
                await last(job)
        assert names(fake.requests).index("bob's") <= 2

    simulate(scenario())


def test_places_are_told_again_when_they_change(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor()
        fake.hold()
        async with opened(fake) as dispatcher:
            dispatcher.submit(make_request())
            await fake.held()
            second, third = dispatcher.submit(make_request()), dispatcher.submit(make_request())
            events = aiter(third)
            assert await anext(events) == Queued(2, None)
            second.cancel()
            assert await anext(events) == Queued(1, None)
            fake.release()
            assert isinstance(await anext(events), Started)

    simulate(scenario())


def test_the_eta_is_learned_from_what_was_finished(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor(step_s=0.1)
        async with opened(fake) as dispatcher:
            await last(dispatcher.submit(make_request(steps=10)))
            fake.hold()
            dispatcher.submit(make_request(steps=10))
            await fake.held()
            waiting = dispatcher.submit(make_request(steps=20))
            place = await anext(aiter(waiting))
            assert isinstance(place, Queued)
            assert place.eta_s == pytest.approx(1.0 + 2.0)

    simulate(scenario())


def test_steps_already_done_shorten_the_eta(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor(step_s=0.1)
        async with opened(fake) as dispatcher:
            await last(dispatcher.submit(make_request(steps=10)))
            fake.hold(at_step=5)
            dispatcher.submit(make_request(steps=10))
            await fake.held()
            waiting = dispatcher.submit(make_request(steps=10))
            place = await anext(aiter(waiting))
            assert isinstance(place, Queued)
            assert place.eta_s == pytest.approx(0.5 + 1.0)

    simulate(scenario())


def test_a_full_queue_refuses_and_says_when_to_come_back(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor(step_s=0.1)
        async with opened(fake, queue_limit=2) as dispatcher:
            await last(dispatcher.submit(make_request(steps=10)))
            fake.hold()
            dispatcher.submit(make_request(steps=30))
            await fake.held()
            waiting = [dispatcher.submit(make_request()) for _ in range(2)]
            with pytest.raises(TooBusy) as refused:
                dispatcher.submit(make_request())
            assert refused.value.eta_s == pytest.approx(3.0)
            with pytest.raises(TooBusy):
                dispatcher.check("pocket")
            waiting[0].cancel()
            await settle()
            dispatcher.submit(make_request())

    simulate(scenario())


def test_a_waiting_job_is_cancelled_at_once(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor()
        fake.hold()
        async with opened(fake) as dispatcher:
            dispatcher.submit(make_request())
            await fake.held()
            waiting = dispatcher.submit(make_request(job_id="waiting"))
            waiting.cancel()
            assert await last(waiting) == Cancelled()
            assert dispatcher.status().queued == 0
        assert "waiting" not in names(fake.requests)

    simulate(scenario())


def test_a_running_job_ends_as_cancelled_when_the_worker_says_so(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor()
        fake.hold(at_step=1)
        async with opened(fake) as dispatcher:
            job = dispatcher.submit(make_request())
            await fake.held()
            job.cancel()
            assert dispatcher.status().running == 1
            assert await last(job) == Cancelled()
            assert dispatcher.status().running == 0
            fake.release()
            assert isinstance(await last(dispatcher.submit(make_request())), Finished)

    simulate(scenario())


def test_cancelling_a_job_that_is_over_changes_nothing(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        async with opened(FakeExecutor()) as dispatcher:
            job = dispatcher.submit(make_request())
            assert isinstance(await last(job), Finished)
            job.cancel()
            assert await read(job) == []

    simulate(scenario())


def test_a_job_whose_deadline_passes_while_it_waits_is_given_up(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor()
        fake.hold()
        async with opened(fake) as dispatcher:
            dispatcher.submit(make_request())
            await fake.held()
            late = dispatcher.submit(make_request(deadline=30.0))
            patient = dispatcher.submit(make_request(deadline=90.0))
            final = await last(late)
            assert isinstance(final, Failed)
            assert isinstance(final.error, DeadlinePassed)
            assert 30.0 <= asyncio.get_running_loop().time() < 31.0
            fake.release()
            assert isinstance(await last(patient), Finished)

    simulate(scenario())


def test_a_deadline_does_not_end_a_job_that_has_started(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor()
        fake.hold(at_step=1)
        async with opened(fake) as dispatcher:
            job = dispatcher.submit(make_request(deadline=30.0))
            await fake.held()
            await asyncio.sleep(60)
            fake.release()
            assert isinstance(await last(job), Finished)

    simulate(scenario())


def test_a_workers_death_fails_its_job_as_retryable_and_keeps_the_waiting_ones(
    make_request: MakeRequest, simulate: Simulate
) -> None:
    async def scenario() -> None:
        fake = FakeExecutor("w")
        fake.hold(at_step=2)
        async with opened(fake) as dispatcher:
            running, waiting = dispatcher.submit(make_request()), dispatcher.submit(make_request())
            await fake.held()
            fake.die()
            final = await last(running)
            assert isinstance(final, Failed)
            assert isinstance(final.error, WorkerDied)
            assert final.error.worker == "w"
            assert final.error.retryable
            fake.release()
            assert isinstance(await last(waiting), Finished)

    simulate(scenario())


def test_a_cancelled_job_whose_worker_dies_first_is_cancelled_not_failed(
    make_request: MakeRequest, simulate: Simulate
) -> None:
    async def scenario() -> None:
        fake = FakeExecutor()
        fake.hold(at_step=2)
        async with opened(fake) as dispatcher:
            job = dispatcher.submit(make_request())
            await fake.held()
            job.cancel()
            fake.die()
            assert await last(job) == Cancelled()

    simulate(scenario())


def test_a_worker_is_started_again_ever_more_slowly_and_the_trouble_is_told_after_three_failures(
    make_request: MakeRequest, simulate: Simulate
) -> None:
    async def scenario() -> None:
        clock = asyncio.get_running_loop().time
        async with opened(FakeExecutor("w", starts=[StartOutcome.DIE] * 9)) as dispatcher:
            job = dispatcher.submit(make_request())
            final = await last(job)
            assert isinstance(final, Failed)
            assert isinstance(final.error, EngineStopped)
            assert clock() == pytest.approx(1 + 2)
            assert "w: it ended before it was ready" in dispatcher.status().trouble
            with pytest.raises(EngineStopped):
                dispatcher.submit(make_request())
            await until(dispatcher, workers=1)
            assert clock() == pytest.approx(1 + 2 + 4 + 8 + 16 + 30 + 30 + 30 + 30, abs=0.2)
            assert dispatcher.status().trouble == ""
            assert isinstance(await last(dispatcher.submit(make_request())), Finished)

    simulate(scenario())


def test_a_good_start_forgives_the_failed_ones(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor(
            starts=[StartOutcome.DIE, StartOutcome.DIE, StartOutcome.READY, StartOutcome.DIE, StartOutcome.DIE]
        )
        async with opened(fake) as dispatcher:
            await until(dispatcher, workers=1)
            fake.die()
            await until(dispatcher, workers=0)
            assert isinstance(await last(dispatcher.submit(make_request())), Finished)

    simulate(scenario())


def test_a_worker_that_does_not_become_ready_in_time_counts_as_a_failed_start(
    make_request: MakeRequest, simulate: Simulate
) -> None:
    async def scenario() -> None:
        async with opened(FakeExecutor("w", starts=[StartOutcome.HANG] * 3)) as dispatcher:
            assert isinstance(await last(dispatcher.submit(make_request())), Failed)
            assert "w was not ready after 60 s" in dispatcher.status().trouble
            await until(dispatcher, workers=1)

    simulate(scenario())


def test_when_no_worker_is_fit_waiting_jobs_end_and_new_ones_are_refused(
    make_request: MakeRequest, simulate: Simulate
) -> None:
    async def scenario() -> None:
        async with opened(FakeExecutor(starts=[StartOutcome.UNFIT, StartOutcome.UNFIT])) as dispatcher:
            final = await last(dispatcher.submit(make_request()))
            assert isinstance(final, Failed)
            assert isinstance(final.error, SafetyUnavailable)
            with pytest.raises(SafetyUnavailable):
                dispatcher.submit(make_request())
            assert "safety checker" in dispatcher.status().trouble
            await until(dispatcher, workers=1, trouble="")
            assert isinstance(await last(dispatcher.submit(make_request())), Finished)

    simulate(scenario())


def test_jobs_of_a_worker_that_turns_out_unfit_move_to_a_fit_one(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        unfit, fit = FakeExecutor("unfit", starts=[StartOutcome.UNFIT] * 99), FakeExecutor("fit")
        async with opened(unfit, fit) as dispatcher:
            for job in [dispatcher.submit(make_request()) for _ in range(4)]:
                assert isinstance(await last(job), Finished)
        assert not unfit.requests
        assert len(fit.requests) == 4

    simulate(scenario())


def test_a_request_goes_to_the_worker_with_the_least_work(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        left, right = FakeExecutor("left"), FakeExecutor("right")
        left.hold()
        right.hold()
        async with opened(left, right) as dispatcher:
            await until(dispatcher, workers=2)
            dispatcher.submit(make_request(job_id="long", steps=50))
            for number in range(3):
                dispatcher.submit(make_request(job_id=f"short {number}", steps=10))
            await left.held()
            left.release()
            right.release()
            await until(dispatcher, queued=0, running=0)
        assert names(left.requests) == ["long"]
        assert names(right.requests) == ["short 0", "short 1", "short 2"]

    simulate(scenario())


def test_a_worker_that_restarts_gets_no_job_that_another_could_take(
    make_request: MakeRequest, simulate: Simulate
) -> None:
    async def scenario() -> None:
        broken, good = FakeExecutor("broken", starts=[StartOutcome.HANG]), FakeExecutor("good")
        async with opened(broken, good) as dispatcher:
            await until(dispatcher, workers=1)
            for job in [dispatcher.submit(make_request()) for _ in range(3)]:
                assert isinstance(await last(job), Finished)
        assert len(good.requests) == 3

    simulate(scenario())


def test_a_workers_error_reaches_the_listener_with_its_data(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        error = ModelUnavailable("pocket", "the file is damaged")
        async with opened(FakeExecutor(plan=lambda request: FakePlan(fail=error))) as dispatcher:
            final = await last(dispatcher.submit(make_request()))
        assert isinstance(final, Failed)
        assert isinstance(final.error, ModelUnavailable)
        assert final.error.to_data() == error.to_data()

    simulate(scenario())


def test_closing_ends_every_job_as_retryable_and_takes_no_more(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor()
        fake.hold()
        async with opened(fake) as dispatcher:
            jobs = [dispatcher.submit(make_request()) for _ in range(3)]
            await fake.held()
        for job in jobs:
            final = await last(job)
            assert isinstance(final, Failed)
            assert isinstance(final.error, EngineStopped)
            assert final.error.retryable
        with pytest.raises(EngineStopped):
            dispatcher.submit(make_request())
        assert dispatcher.status() == EngineStatus(0, 0, 0, (Trouble("engine", "The engine is not running."),))

    simulate(scenario())


def test_a_live_jobs_id_cannot_be_used_again(make_request: MakeRequest, simulate: Simulate) -> None:
    async def scenario() -> None:
        fake = FakeExecutor()
        async with opened(fake) as dispatcher:
            fake.hold()
            job = dispatcher.submit(make_request(job_id="same"))
            await fake.held()
            with pytest.raises(ValueError, match="live already"):
                dispatcher.submit(make_request(job_id="same"))
            fake.release()
            await last(job)
            assert isinstance(await last(dispatcher.submit(make_request(job_id="same"))), Finished)

    simulate(scenario())
