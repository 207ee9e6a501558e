from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.dispatch.jobs import EngineJob
from engine.dispatch.queue import FairQueue

RECIPE = Recipe("pocket", "1", "a red apple", "", 16, 16, 4, 4.5, "Euler", (ImageSeed(1),))


def job(tenant: str, accepted_at: float, job_id: str = "", *, weight: float = 1.0, steps: int = 4) -> EngineJob:
    recipe = replace(RECIPE, steps=steps)
    request = GenerationRequest(recipe, job_id or f"{tenant}{accepted_at:g}", 1, accepted_at, tenant, weight)
    return EngineJob(request, lambda: None)


def filled(*jobs: EngineJob) -> FairQueue:
    queue = FairQueue()
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
