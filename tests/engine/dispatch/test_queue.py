from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, count, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.dispatch.jobs import EngineJob
from engine.dispatch.queue import StartTimeFairQueue

RECIPE = Recipe("pocket", "1", "a red apple", "", 16, 16, 4, 4.5, "Euler", (ImageSeed(1),))
LARGEST = 2 * 50.0


def job(tenant: str, accepted_at: float, job_id: str = "", *, weight: float = 1.0, steps: int = 4) -> EngineJob:
    recipe = replace(RECIPE, steps=steps)
    request = GenerationRequest(recipe, job_id or f"{tenant}{accepted_at:g}", 1, accepted_at, tenant, weight)
    return EngineJob(request, lambda: None)


def filled(*jobs: EngineJob) -> StartTimeFairQueue:
    queue = StartTimeFairQueue()
    for waiting in jobs:
        queue.put(waiting)
    return queue


def ids(jobs: list[EngineJob]) -> list[str]:
    return [waiting.job_id for waiting in jobs]


def test_tenants_take_turns_however_many_jobs_one_of_them_has() -> None:
    queue = filled(job("ann", 1), job("ann", 2), job("ann", 3), job("bob", 4), job("cid", 5))
    assert ids(queue.order()) == ["ann1", "bob4", "cid5", "ann2", "ann3"]


def test_a_tenant_who_was_served_goes_to_the_end_of_the_line() -> None:
    queue = filled(job("ann", 1), job("ann", 2), job("bob", 3))
    queue.take(queue.order()[0])
    assert ids(queue.order()) == ["bob3", "ann2"]


def test_a_job_submitted_again_goes_before_its_tenants_later_jobs() -> None:
    queue = filled(job("ann", 2), job("ann", 3))
    queue.put(job("ann", 1))
    assert ids(queue.order()) == ["ann1", "ann2", "ann3"]


def test_a_removed_job_is_gone_and_the_others_keep_their_order() -> None:
    middle = job("ann", 2)
    queue = filled(job("ann", 1), middle, job("ann", 3), job("bob", 4))
    queue.remove(middle)
    assert ids(queue.order()) == ["ann1", "bob4", "ann3"]
    assert len(queue) == 3


def test_removing_a_job_that_does_not_wait_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled(job("ann", 1)).remove(job("bob", 1))


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 20)), max_size=30), st.integers(0, 10))
def test_jobs_are_taken_in_the_order_that_was_announced(entries: list[tuple[str, int]], taken: int) -> None:
    queue = filled(*(job(tenant, at, f"{number}") for number, (tenant, at) in enumerate(entries)))
    for _ in range(min(taken, len(queue))):
        queue.take(queue.order()[0])
    announced = queue.order()
    for expected in announced:
        first = queue.order()[0]
        assert first is expected
        queue.take(first)
    assert len(queue) == 0


def drain(queue: StartTimeFairQueue, row_steps: float = float("inf")) -> list[EngineJob]:
    """Take the jobs in the fair order, until so much work was taken."""
    taken: list[EngineJob] = []
    while queue and sum(job.cost for job in taken) < row_steps:
        taken.append(queue.order()[0])
        queue.take(taken[-1])
    return taken


def work(jobs: Iterable[EngineJob], tenant: str) -> float:
    return sum(job.cost for job in jobs if job.request.tenant == tenant)


def test_turns_are_counted_in_work_not_in_jobs() -> None:
    long = [job("ann", at, steps=50) for at in range(20)]
    short = [job("bob", at, steps=5) for at in range(200)]
    taken = drain(filled(*long, *short), row_steps=1000)
    assert work(taken, "ann") == pytest.approx(work(taken, "bob"), abs=100)


@pytest.mark.parametrize("weight", [0.5, 2.0, 4.0])
def test_a_weight_is_a_share_of_the_work(weight: float) -> None:
    heavy = [job("ann", at, weight=weight) for at in range(400)]
    light = [job("bob", at) for at in range(400)]
    taken = drain(filled(*heavy, *light), row_steps=2400)
    assert work(taken, "ann") / work(taken, "bob") == pytest.approx(weight, rel=0.05)


def test_nobody_saves_up_turns_while_away() -> None:
    queue = filled(*(job("ann", at) for at in range(100)), job("bob", 0, "bob's first"))
    drain(queue, row_steps=400)
    for at in range(10):
        queue.put(job("bob", 200 + at))
    taken = drain(queue, row_steps=80)
    assert work(taken, "bob") <= 48


def test_nobody_starves_behind_a_stream_of_newcomers() -> None:
    queue = filled(job("ann", 0), job("ann", 1, "ann's second"))
    served: list[str] = []
    for number in range(50):
        queue.put(job(f"newcomer {number}", number))
        queue.put(job(f"another {number}", number))
        first = queue.order()[0]
        queue.take(first)
        served.append(first.job_id)
    assert "ann's second" in served[:20]


def test_who_was_alone_with_large_jobs_owes_nothing_for_it_to_those_who_come_later() -> None:
    queue = filled(*(job("ann", at, steps=50) for at in range(60)))
    for number in range(20):
        queue.put(job(f"passer-by {number}", 100 + number, steps=1))
        drain(queue, row_steps=102)
    for at in range(20):
        queue.put(job("bob", 200 + at, f"bob {at}", steps=50))
    taken = drain(queue, row_steps=1000)
    assert work(taken, "ann") == pytest.approx(work(taken, "bob"), abs=200)


def test_a_tenant_without_jobs_is_forgotten_once_others_have_had_as_much() -> None:
    queue = filled(*(job(f"tenant {number}", number) for number in range(50)), *(job("ann", at) for at in range(9)))
    drain(queue)
    assert len(queue) == 0
    queue.put(job("ann", 10))
    queue.put(job("bob", 9))
    assert ids(queue.order()) == ["bob9", "ann10"]


STEPS = st.sampled_from([1, 4, 10, 50])
TENANTS = st.sampled_from("abcdef")


@settings(max_examples=300, deadline=None)
@given(
    backlog=st.lists(st.tuples(TENANTS, STEPS), max_size=40),
    before=st.lists(st.tuples(TENANTS | st.uuids().map(str), STEPS), max_size=30),
    after=st.lists(st.tuples(TENANTS | st.uuids().map(str), STEPS), max_size=60),
)
def test_a_newcomer_waits_for_two_large_jobs_of_each_tenant_at_most(
    backlog: list[tuple[str, int]], before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    numbers = count()

    def arrive(tenant: str, steps: int) -> EngineJob:
        number = next(numbers)
        queue.put(job(tenant, number, f"{number}", steps=steps))
        return queue.order()[0]

    queue = StartTimeFairQueue()
    for tenant, steps in backlog:
        arrive(tenant, steps)
    for tenant, steps in before:
        queue.take(arrive(tenant, steps))
    tenants = {waiting.request.tenant for waiting in queue.order()}
    newcomer = job("newcomer", next(numbers), steps=50)
    queue.put(newcomer)
    waited = 0.0
    for tenant, steps in chain(after, repeat(("a", 50))):
        first = arrive(tenant, steps)
        queue.take(first)
        if first is newcomer:
            break
        waited += first.cost
        assert waited <= 2 * LARGEST * len(tenants)
