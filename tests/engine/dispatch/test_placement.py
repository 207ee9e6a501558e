"""Which worker draws what, when there are several models, sizes and workers, in jumping time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from engine.api import Event, Failed, Finished, GenerationRequest, Job, ModelUnavailable, WorkerDied
from engine.dispatch import Dispatcher
from engine.executors.fake import FakeExecutor, FakePlan, StartOutcome

MakeRequest = Callable[..., GenerationRequest]
Run = Callable[..., None]


async def last(job: Job) -> Event:
    return [event async for event in job][-1]


async def until(dispatcher: Dispatcher, **wanted: Any) -> None:
    while any(getattr(dispatcher.status(), name) != value for name, value in wanted.items()):  # noqa: ASYNC110
        await asyncio.sleep(0.1)


def models(fake: FakeExecutor) -> str:
    """Return the initials of the models in the order they were asked of the worker."""
    return "".join(request.recipe.model[0] for request in fake.requests)


def test_a_worker_stays_on_its_model_while_others_have_patience(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor()

    async def scenario(dispatcher: Dispatcher) -> None:
        for number in range(30):
            dispatcher.submit(make_request("ann", model="ab"[number % 2]))
        await until(dispatcher, workers=1, queued=0, running=0)
        # Every job costs 8 row-steps, so that 5 may overtake.
        assert models(fake).startswith("aaaaaa" + "b")
        assert sum(left != right for left, right in zip(models(fake), models(fake)[1:], strict=False)) <= 6
        assert Counter(models(fake)) == {"a": 15, "b": 15}

    run(scenario, fake, patience_row_steps=40, queue_limit_per_tenant=100)


def test_without_patience_the_order_is_the_fair_one(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor()

    async def scenario(dispatcher: Dispatcher) -> None:
        for number in range(10):
            dispatcher.submit(make_request("ann", model="ab"[number % 2]))
        await until(dispatcher, workers=1, queued=0, running=0)
        assert models(fake) == "abababababab"[:10]

    run(scenario, fake, patience_row_steps=0)


def test_a_flood_in_one_size_does_not_block_another_size(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(rows=8, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        for _ in range(50):
            dispatcher.submit(make_request("ann", side=16))
        await until(dispatcher, running=4)
        dispatcher.submit(make_request("bob", job_id="large", side=32))
        await until(dispatcher, queued=0, running=0)
        sent = [request.job_id for request in fake.requests]
        assert sent.index("large") <= 4 + 5

    run(scenario, fake, patience_row_steps=40, queue_limit_per_tenant=100)


def test_sizes_are_drawn_side_by_side_in_no_more_rows_than_the_worker_has(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(rows=8, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await last(dispatcher.submit(make_request()))  # the model is ready then
        jobs = [dispatcher.submit(make_request(side=16 * (1 + number % 2))) for number in range(12)]
        waiting = {job.job_id: asyncio.create_task(last(job)) for job in jobs}
        most, together = 0, set()
        while waiting:
            await asyncio.sleep(0.5)
            waiting = {job_id: task for job_id, task in waiting.items() if not task.done()}
            sent = [request.recipe.width for request in fake.requests if request.job_id in waiting]
            most = max(most, len(sent))
            together.add(frozenset(sent))
        assert most == 4
        assert {16, 32} in together

    run(scenario, fake)


def test_a_job_joins_others_of_another_model_that_is_ready(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(rows=8, step_s=1, room=2)

    async def scenario(dispatcher: Dispatcher) -> None:
        for model in "ab":
            await last(dispatcher.submit(make_request(model=model)))
        dispatcher.submit(make_request(model="a", steps=500))
        await until(dispatcher, running=1)
        began_s = asyncio.get_running_loop().time()
        assert isinstance(await last(dispatcher.submit(make_request(model="b"))), Finished)
        assert asyncio.get_running_loop().time() - began_s < 50
        assert dispatcher.status().running == 1

    run(scenario, fake)


def test_a_tenant_s_first_job_joins_where_the_jobs_of_others_fill_the_calls(
    make_request: MakeRequest, run: Run
) -> None:
    fake = FakeExecutor(rows=8, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await last(dispatcher.submit(make_request()))
        for _ in range(10):
            dispatcher.submit(make_request("ann", steps=500))
        await until(dispatcher, running=4)
        began_s = asyncio.get_running_loop().time()
        assert isinstance(await last(dispatcher.submit(make_request("bob", steps=10))), Finished)
        assert asyncio.get_running_loop().time() - began_s < 50
        assert dispatcher.status().running == 4

    run(scenario, fake, queue_limit_per_tenant=20)


def test_a_model_that_has_to_be_loaded_waits_until_nothing_else_is_drawn(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(rows=8, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        waiting = {
            job.job_id: asyncio.create_task(last(job))
            for job in [dispatcher.submit(make_request(model="ab"[number % 2])) for number in range(12)]
        }
        while waiting:
            await asyncio.sleep(0.5)
            waiting = {job_id: task for job_id, task in waiting.items() if not task.done()}
            assert len({request.recipe.model for request in fake.requests if request.job_id in waiting}) <= 1

    run(scenario, fake)


def test_one_job_may_be_larger_than_the_room_a_worker_has(make_request: MakeRequest, run: Run) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        assert isinstance(await last(dispatcher.submit(make_request(images=4))), Finished)

    run(scenario, FakeExecutor(rows=2))


def test_a_job_goes_where_its_model_is_loaded(make_request: MakeRequest, run: Run) -> None:
    left, right = FakeExecutor("left", step_s=1), FakeExecutor("right", step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        for model in "ab":
            dispatcher.submit(make_request(model=model))
        await until(dispatcher, queued=0, running=0)
        for model in "ba":
            dispatcher.submit(make_request(model=model))
            await until(dispatcher, queued=0, running=0)
        for model in "ba":
            dispatcher.submit(make_request(model=model))
        await until(dispatcher, queued=0, running=0)
        assert {models(left), models(right)} == {"aaa", "bbb"}

    run(scenario, left, right)


def test_an_idle_worker_loads_a_model_rather_than_let_its_job_wait_for_another(
    make_request: MakeRequest, run: Run
) -> None:
    left, right = FakeExecutor("left", step_s=1), FakeExecutor("right", step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        await last(dispatcher.submit(make_request(model="a")))
        jobs = [dispatcher.submit(make_request(model="a")) for _ in range(2)]
        await until(dispatcher, queued=0, running=2)
        for job in jobs:
            assert isinstance(await last(job), Finished)
        assert {models(left), models(right)} == {"aa", "a"}

    run(scenario, left, right)


def test_the_emptier_of_two_batches_is_filled_first(make_request: MakeRequest, run: Run) -> None:
    left, right = FakeExecutor("left", rows=16, step_s=1), FakeExecutor("right", rows=16, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        for jobs in (16, 8):
            for _ in range(jobs):
                dispatcher.submit(make_request())
            await until(dispatcher, queued=0, running=0)
        assert len(left.requests) == len(right.requests) == 8 + 4

    run(scenario, left, right)


def test_a_killed_workers_jobs_submitted_again_and_those_that_wait_finish_on_the_other(
    make_request: MakeRequest, run: Run
) -> None:
    left, right = (
        FakeExecutor("left", starts=[StartOutcome.READY, StartOutcome.HANG], step_s=1),
        FakeExecutor("right", step_s=1),
    )

    async def see_through(dispatcher: Dispatcher, request: GenerationRequest) -> Event:
        """Do as the ledger does: submit again what a worker's death ended."""
        while True:
            final = await last(dispatcher.submit(request))
            if not (isinstance(final, Failed) and final.error.retryable):
                return final
            assert isinstance(final.error, WorkerDied)

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(see_through(dispatcher, make_request())) for _ in range(8)]
            await until(dispatcher, running=2)
            await asyncio.sleep(2.5)
            assert left.requests
            assert right.requests
            killed = left.requests[-1].job_id
            left.die()
        assert all(isinstance(job.result(), Finished) for job in jobs)
        assert killed in [request.job_id for request in right.requests]

    run(scenario, left, right)


def test_models_that_are_ready_at_once_are_drawn_in_the_fair_order(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(room=2)

    async def scenario(dispatcher: Dispatcher) -> None:
        for model in "ab":
            await last(dispatcher.submit(make_request(model=model)))
        for model in "ababab":
            dispatcher.submit(make_request(model=model))
        await until(dispatcher, workers=1, queued=0, running=0)
        assert models(fake) == "abababab"

    run(scenario, fake, patience_row_steps=40)


def test_a_worker_whose_model_had_to_leave_is_not_taken_to_have_it(make_request: MakeRequest, run: Run) -> None:
    left, right = FakeExecutor("left", step_s=1), FakeExecutor("right", step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        for model in "ab":
            await last(dispatcher.submit(make_request(model=model)))
        both = dispatcher.submit(make_request(model="b")), dispatcher.submit(make_request(model="a"))
        for job in both:
            await last(job)
        assert {models(left), models(right)} == {"abb", "a"}
        for _ in range(3):
            await last(dispatcher.submit(make_request(model="a")))
        assert {models(left), models(right)} == {"abb", "aaaa"}

    run(scenario, left, right)


def test_a_model_in_memory_is_nearer_than_one_in_its_files(make_request: MakeRequest, run: Run) -> None:
    left, right = FakeExecutor("left", step_s=1), FakeExecutor("right", step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        for model in "abb":
            await last(dispatcher.submit(make_request(model=model)))
        had = left if left.requests else right
        for _ in range(3):
            await last(dispatcher.submit(make_request(model="a")))
        assert models(had) == "abbaaa"

    run(scenario, left, right)


def test_a_busy_worker_loads_ahead_what_is_wanted_next_and_then_draws_it_at_once(
    make_request: MakeRequest, run: Run
) -> None:
    fake = FakeExecutor(rows=2, step_s=1, load_s=100)

    async def scenario(dispatcher: Dispatcher) -> None:
        first = dispatcher.submit(make_request(model="a", steps=200))
        for model in "bcb":
            dispatcher.submit(make_request(model=model, steps=200))
        await last(first)
        assert fake.prefetched == ["b"]
        started_s = asyncio.get_running_loop().time()
        await until(dispatcher, queued=0, running=0)
        assert models(fake) == "abbc"
        assert asyncio.get_running_loop().time() - started_s < 3 * 200 + 10
        assert fake.prefetched == ["b", "c"]

    run(scenario, fake, start_timeout_s=500)


def test_nothing_is_loaded_ahead_that_another_worker_has_or_is_loading(make_request: MakeRequest, run: Run) -> None:
    left, right = FakeExecutor("left", step_s=1), FakeExecutor("right", step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        for model in "abab":
            dispatcher.submit(make_request(model=model, steps=50))
        await asyncio.sleep(10)
        assert (left.prefetched, right.prefetched) == ([], [])
        for model in "cdcd":
            dispatcher.submit(make_request(model=model))
        await asyncio.sleep(10)
        assert sorted([left.prefetched, right.prefetched]) == [["c"], ["d"]]

    run(scenario, left, right)


def test_a_model_that_cannot_be_loaded_is_not_loaded_ahead(make_request: MakeRequest, run: Run) -> None:
    def plan(request: GenerationRequest) -> FakePlan:
        return FakePlan(fail=ModelUnavailable("b", "a tensor is missing") if request.recipe.model == "b" else None)

    left, right = FakeExecutor("left", plan, step_s=1), FakeExecutor("right", step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        await until(dispatcher, workers=2)
        await last(dispatcher.submit(make_request(model="b")))
        assert left.requests
        for _ in range(2):
            dispatcher.submit(make_request(model="a", steps=50))
        await until(dispatcher, running=2)
        dispatcher.submit(make_request(model="b"))
        await asyncio.sleep(5)
        assert (left.prefetched, right.prefetched) == ([], ["b"])

    run(scenario, left, right)
