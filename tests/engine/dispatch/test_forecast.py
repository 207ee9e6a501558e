"""What waiting jobs are told of their end, and how right it was, in jumping time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from engine.api import Event, Finished, GenerationRequest, Job, Queued, TooBusy
from engine.dispatch import Dispatcher
from engine.dispatch.calibration import FEWEST, LOG_EVERY, Calibration
from engine.executors.fake import FakeExecutor

MakeRequest = Callable[..., GenerationRequest]
Run = Callable[..., None]


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def last(job: Job) -> Event:
    return [event async for event in job][-1]


async def told_s(job: Job) -> float | None:
    place = await anext(aiter(job))
    assert isinstance(place, Queued)
    return place.eta_s


def test_loading_the_first_model_does_not_spoil_the_rate(make_request: MakeRequest, run: Run) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        await last(dispatcher.submit(make_request(steps=11)))
        dispatcher.submit(make_request(steps=10))
        waiting = dispatcher.submit(make_request(steps=10))
        assert await told_s(waiting) == pytest.approx(2.0, abs=0.2)

    run(scenario, FakeExecutor(load_s=50, step_s=0.1))


def test_jobs_that_share_a_batch_are_measured_together(make_request: MakeRequest, run: Run) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        for job in [dispatcher.submit(make_request(steps=11)) for _ in range(4)]:
            await last(job)
        for _ in range(4):
            dispatcher.submit(make_request(steps=10))
        waiting = dispatcher.submit(make_request(steps=10))
        # Four jobs of 10 steps take 1 s together, and so does the one that waits for them, if four are drawn at once.
        assert await told_s(waiting) == pytest.approx(1.0 + 0.25, rel=0.1)

    run(scenario, FakeExecutor(rows=8, step_s=0.1))


def test_each_model_and_size_has_its_own_rate_and_an_unknown_size_that_of_the_nearest(
    make_request: MakeRequest, run: Run
) -> None:
    fake = FakeExecutor(step_s=0.1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await last(dispatcher.submit(make_request(steps=10)))
        fake.hold()
        dispatcher.submit(make_request(steps=10))
        await fake.held()
        twice_the_side = dispatcher.submit(make_request("ann", steps=10, side=32))
        unknown_model = dispatcher.submit(make_request("bob", model="other"))
        assert await told_s(twice_the_side) == pytest.approx(1.0 + 4 * 1.0)
        assert await told_s(unknown_model) is None

    run(scenario, fake)


def test_two_workers_halve_the_wait(make_request: MakeRequest, run: Run) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        for job in [dispatcher.submit(make_request(steps=10)) for _ in range(4)]:
            await last(job)
        jobs = [dispatcher.submit(make_request(steps=10)) for _ in range(6)]
        assert await told_s(jobs[-1]) == pytest.approx(3.0, rel=0.1)

    run(scenario, FakeExecutor("left", step_s=0.1), FakeExecutor("right", step_s=0.1))


def test_what_was_told_is_compared_with_what_came(
    make_request: MakeRequest, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scenario(dispatcher: Dispatcher) -> None:
        await last(dispatcher.submit(make_request(steps=10)))
        assert dispatcher.status().eta_ratio is None
        for job in [dispatcher.submit(make_request(steps=10)) for _ in range(LOG_EVERY + 1)]:
            await last(job)
        ratio = dispatcher.status().eta_ratio
        assert ratio is not None
        assert ratio.jobs == LOG_EVERY
        assert ratio.p50 == pytest.approx(1.0, abs=0.15)
        assert ratio.p50 <= ratio.p95 <= 1.2
        assert "times as long as they were told" in caplog.text

    run(scenario, FakeExecutor(step_s=0.1), queue_limit_per_tenant=50)


def test_promises_that_are_always_too_short_are_lengthened() -> None:
    calibration = Calibration()
    for _ in range(FEWEST):
        calibration.learn(calibration.promise(10.0, now_s=0.0), now_s=20.0)
    assert calibration.promise(10.0, now_s=0.0).told_s == pytest.approx(20.0)


def test_one_odd_job_does_not_change_what_others_are_told() -> None:
    calibration = Calibration()
    for _ in range(FEWEST):
        calibration.learn(calibration.promise(10.0, now_s=0.0), now_s=10.0)
    calibration.learn(calibration.promise(10.0, now_s=0.0), now_s=10_000.0)
    assert calibration.promise(10.0, now_s=0.0).told_s == pytest.approx(10.0)


def test_a_tenant_with_too_many_jobs_is_refused_until_its_next_one_starts_and_others_are_not(
    make_request: MakeRequest, run: Run
) -> None:
    fake = FakeExecutor(step_s=0.1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await last(dispatcher.submit(make_request(steps=10)))
        fake.hold()
        dispatcher.submit(make_request("ann", steps=10))
        await fake.held()
        dispatcher.submit(make_request("bob", steps=20))
        waiting = [dispatcher.submit(make_request("ann", steps=10)) for _ in range(3)]
        with pytest.raises(TooBusy) as refused:
            dispatcher.submit(make_request("ann"))
        assert refused.value.eta_s == pytest.approx(1.0 + 2.0)
        with pytest.raises(TooBusy):
            dispatcher.check("pocket", "ann")
        dispatcher.check("pocket", "bob")
        dispatcher.check("pocket")
        fake.release()
        assert isinstance(await last(waiting[0]), Finished)
        dispatcher.submit(make_request("ann"))

    run(scenario, fake, queue_limit_per_tenant=3)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_share_is_refused(make_request: MakeRequest, run: Run, weight: float) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        with pytest.raises(ValueError, match="weight"):
            dispatcher.submit(make_request(weight=weight))

    run(scenario, FakeExecutor())
