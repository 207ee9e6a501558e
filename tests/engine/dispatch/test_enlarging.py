"""Pictures that are made larger beside a worker's batch, in jumping time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engine.api import GenerationRequest, Queued, Upscaler
from engine.dispatch import Dispatcher
from engine.executors.fake import FakeExecutor

MakeRequest = Callable[..., GenerationRequest]
Run = Callable[..., None]
CRISP = Upscaler("crisp", "Crisp", "1", 4)


def larger(request: GenerationRequest) -> GenerationRequest:
    return replace(request, recipe=request.recipe.upscaled(0, "0a" * 32, 4, CRISP))


async def until(dispatcher: Dispatcher, **wanted: Any) -> None:
    while any(getattr(dispatcher.status(), name) != value for name, value in wanted.items()):  # noqa: ASYNC110
        await asyncio.sleep(0.1)


def sent(fake: FakeExecutor) -> list[str]:
    return [request.job_id for request in fake.requests]


def test_it_joins_a_worker_that_draws_with_its_model_and_takes_nobodys_room(
    make_request: MakeRequest, run: Run
) -> None:
    fake = FakeExecutor(rows=4, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        dispatcher.submit(make_request(steps=20, job_id="drawn"))
        await until(dispatcher, running=1)
        dispatcher.submit(larger(make_request(job_id="larger", steps=20)))
        dispatcher.submit(make_request(job_id="beside"))
        await until(dispatcher, running=3)
        assert sent(fake) == ["drawn", "larger", "beside"]

    run(scenario, fake)


def test_one_picture_at_a_time_and_those_that_wait_for_it_hold_up_nobody(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(rows=4, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        for number in range(3):
            dispatcher.submit(larger(make_request(job_id=f"larger-{number}", steps=40)))
        for number in range(6):
            dispatcher.submit(make_request("bob", job_id=f"drawn-{number}"))
        await until(dispatcher, queued=2, running=1)
        assert sent(fake) == ["larger-0", *(f"drawn-{number}" for number in range(6))]
        await until(dispatcher, queued=0, running=0)
        assert sent(fake)[-2:] == ["larger-1", "larger-2"]

    run(scenario, fake, patience_row_steps=0)


def test_a_worker_that_only_makes_a_picture_larger_draws_any_size_besides(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(rows=4, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        dispatcher.submit(larger(make_request(job_id="larger", steps=40)))
        await until(dispatcher, running=1)
        dispatcher.submit(make_request(job_id="drawn", side=32))
        await until(dispatcher, running=2)
        assert sent(fake) == ["larger", "drawn"]

    run(scenario, fake)


def test_it_waits_while_its_worker_draws_with_another_model(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(rows=4, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        dispatcher.submit(make_request(model="a", job_id="drawn"))
        await until(dispatcher, running=1)
        dispatcher.submit(larger(make_request(model="b", job_id="larger")))
        await until(dispatcher, running=1, queued=1)
        await until(dispatcher, running=0, queued=0)
        assert sent(fake) == ["drawn", "larger"]

    run(scenario, fake)


def test_its_time_is_neither_measured_nor_forecast(make_request: MakeRequest, run: Run) -> None:
    """A drawing of the same model takes a second for each of its steps, whatever beside it is done how fast."""
    fake = FakeExecutor(step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        dispatcher.submit(make_request(job_id="first"))
        await until(dispatcher, running=1)
        await until(dispatcher, running=0)
        fake.hold()
        dispatcher.submit(larger(make_request(job_id="larger", steps=40)))
        dispatcher.submit(make_request(job_id="second"))
        await until(dispatcher, running=2)
        other = dispatcher.submit(larger(make_request(job_id="also larger")))
        third = dispatcher.submit(make_request(job_id="third"))
        told = [await anext(aiter(job)) for job in (other, third)]
        assert told == [Queued(1, None), Queued(2, 8.0)]

    run(scenario, fake)
