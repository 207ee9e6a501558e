"""Workers that hang, die again and again, or cannot load a model, in jumping time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from engine.api import (
    Event,
    Failed,
    Finished,
    GenerationRequest,
    Job,
    ModelUnavailable,
    WorkerDied,
)
from engine.dispatch import Dispatcher
from engine.executors.fake import FakeExecutor, FakePlan
from engine.wire import ToWorker

MakeRequest = Callable[..., GenerationRequest]
Run = Callable[..., None]
BROKEN = ModelUnavailable("broken", "a tensor is missing")


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def last(job: Job) -> Event:
    return [event async for event in job][-1]


async def error_of(job: Job) -> Exception:
    final = await last(job)
    assert isinstance(final, Failed)
    return final.error


async def until(dispatcher: Dispatcher, **wanted: Any) -> None:
    while any(getattr(dispatcher.status(), name) != value for name, value in wanted.items()):  # noqa: ASYNC110
        await asyncio.sleep(0.1)


def cannot_load_broken(request: GenerationRequest) -> FakePlan:
    return FakePlan(fail=BROKEN) if request.recipe.model == "broken" else FakePlan()


def test_a_worker_that_hangs_in_a_step_is_replaced_and_its_job_can_be_tried_again(
    make_request: MakeRequest, run: Run
) -> None:
    fake = FakeExecutor("w")

    async def scenario(dispatcher: Dispatcher) -> None:
        fake.hold(at_step=2)
        job, waiting = dispatcher.submit(make_request()), dispatcher.submit(make_request())
        await fake.held()
        began_s = now_s()
        error = await error_of(job)
        assert isinstance(error, WorkerDied)
        assert error.retryable
        assert now_s() - began_s == pytest.approx(20)
        fake.release()
        assert isinstance(await last(waiting), Finished)

    run(scenario, fake, step_timeout_s=20)


def test_a_model_may_take_as_long_to_load_as_a_worker_to_start(make_request: MakeRequest, run: Run) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        assert isinstance(await last(dispatcher.submit(make_request())), Finished)
        assert now_s() >= 60

    run(scenario, FakeExecutor(load_s=60), step_timeout_s=20)


def test_a_model_that_never_loads_is_a_hung_worker_too(make_request: MakeRequest, run: Run) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        assert isinstance(await error_of(dispatcher.submit(make_request())), WorkerDied)
        assert now_s() == pytest.approx(60 + 20)

    run(scenario, FakeExecutor(load_s=10_000), step_timeout_s=20)


def test_a_model_that_is_compiled_may_take_longer(make_request: MakeRequest, run: Run) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        assert isinstance(await last(dispatcher.submit(make_request())), Finished)
        assert now_s() >= 1000

    run(scenario, FakeExecutor(load_s=1000), step_timeout_s=20, compile=True)


def test_an_idle_worker_may_be_silent_for_ever(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor()

    async def scenario(dispatcher: Dispatcher) -> None:
        await last(dispatcher.submit(make_request()))
        await asyncio.sleep(100_000)
        assert isinstance(await last(dispatcher.submit(make_request())), Finished)

    run(scenario, fake, step_timeout_s=20)


class Silent(FakeExecutor):
    """A worker that takes jobs and never says a word."""

    def send(self, message: ToWorker) -> None:
        pass


def test_jobs_that_go_on_arriving_do_not_hide_that_a_worker_hangs(make_request: MakeRequest, run: Run) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        first = asyncio.create_task(last(dispatcher.submit(make_request())))
        while not first.done():
            await asyncio.sleep(9)
            dispatcher.submit(make_request())
        assert isinstance(first.result(), Failed)
        assert now_s() < 60 + 20 + 10

    run(scenario, Silent(rows=200), step_timeout_s=20)


def test_three_deaths_in_a_row_pause_a_worker_and_its_owner_is_told(
    make_request: MakeRequest, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeExecutor("w", lambda request: FakePlan(die_at_step=1))

    async def scenario(dispatcher: Dispatcher) -> None:
        for _ in range(3):
            assert isinstance(await error_of(dispatcher.submit(make_request())), WorkerDied)
        paused_s = now_s()
        fake.plan = lambda request: FakePlan()
        waiting = dispatcher.submit(make_request())
        assert "The worker w is paused: it ended 3 times in a row while drawing" in dispatcher.status().trouble
        assert any(
            record.levelno == logging.ERROR and "w is paused for 60 s" in record.message for record in caplog.records
        )
        assert isinstance(await last(waiting), Finished)
        assert now_s() - paused_s == pytest.approx(60)
        assert dispatcher.status().trouble == ""

    run(scenario, fake)


def test_while_a_worker_is_paused_the_other_draws_everything(make_request: MakeRequest, run: Run) -> None:
    bad, good = FakeExecutor("bad", lambda request: FakePlan(die_at_step=1)), FakeExecutor("good", step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        jobs = [dispatcher.submit(make_request()) for _ in range(12)]
        finals = [await last(job) for job in jobs]
        assert sum(isinstance(final, Failed) for final in finals) == 3
        assert sum(isinstance(final, Finished) for final in finals) == 9
        assert "bad is paused" in dispatcher.status().trouble

    run(scenario, bad, good)


def test_one_job_that_ends_its_worker_each_time_does_not_pause_it(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(plan=lambda request: FakePlan(die_at_step=1 if request.job_id == "poison" else None))

    async def scenario(dispatcher: Dispatcher) -> None:
        for _ in range(5):
            await error_of(dispatcher.submit(make_request(job_id="poison")))
            assert dispatcher.status().trouble == ""
        assert isinstance(await last(dispatcher.submit(make_request())), Finished)

    run(scenario, fake)


def test_a_finished_job_forgives_the_deaths_before(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor()

    async def scenario(dispatcher: Dispatcher) -> None:
        for _ in range(4):
            fake.plan = lambda request: FakePlan(die_at_step=1)
            for _ in range(2):
                await error_of(dispatcher.submit(make_request()))
            fake.plan = lambda request: FakePlan()
            assert isinstance(await last(dispatcher.submit(make_request())), Finished)

    run(scenario, fake)


def test_a_model_that_cannot_be_loaded_is_refused_at_once_and_others_go_on(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(plan=cannot_load_broken)

    async def scenario(dispatcher: Dispatcher) -> None:
        fake.hold()
        first, waiting = (dispatcher.submit(make_request(model="broken")) for _ in range(2))
        other = dispatcher.submit(make_request())
        await fake.held()
        fake.release()
        for job in (first, waiting):
            error = await error_of(job)
            assert isinstance(error, ModelUnavailable)
            assert error.to_data() == BROKEN.to_data()
        assert [request.recipe.model for request in fake.requests].count("broken") == 1
        with pytest.raises(ModelUnavailable, match="a tensor is missing"):
            dispatcher.check("broken")
        assert "a tensor is missing" in dispatcher.status().trouble
        assert isinstance(await last(other), Finished)

    run(scenario, fake)


def test_a_model_is_tried_again_ever_more_slowly_until_it_loads(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(plan=cannot_load_broken)

    async def scenario(dispatcher: Dispatcher) -> None:
        for back_off_s in (30, 60, 120):
            failed_s = now_s()
            await error_of(dispatcher.submit(make_request(model="broken")))
            await asyncio.sleep(back_off_s - 1)
            with pytest.raises(ModelUnavailable):
                dispatcher.submit(make_request(model="broken"))
            await asyncio.sleep(1)
            assert now_s() - failed_s == pytest.approx(back_off_s)
        fake.plan = lambda request: FakePlan()
        assert isinstance(await last(dispatcher.submit(make_request(model="broken"))), Finished)
        assert dispatcher.status().trouble == ""

    run(scenario, fake)


def test_a_model_that_one_worker_cannot_load_is_drawn_by_the_other(make_request: MakeRequest, run: Run) -> None:
    left, right = FakeExecutor("left", cannot_load_broken), FakeExecutor("right")

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        assert isinstance(await error_of(dispatcher.submit(make_request(model="broken"))), ModelUnavailable)
        for job in [dispatcher.submit(make_request(model="broken")) for _ in range(5)]:
            assert isinstance(await last(job), Finished)
        assert len(right.requests) == 5

    run(scenario, left, right)
