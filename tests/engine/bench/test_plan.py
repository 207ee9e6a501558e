"""How much the bench measures in the time that it has."""

from __future__ import annotations

import pytest

from engine.bench.contest_plan import ContestPlan

IMAGES = 8
"""Of one call."""


@pytest.mark.parametrize(
    ("span", "expected"),
    [(100, (100, 3)), (32, (32, 3)), (24, (32, 2)), (8, (32, 2))],
    ids=["plenty", "just enough", "three quarters", "a quarter"],
)
def test_so_many_requests_come_at_once_that_calls_are_full_for_most_of_the_time(
    span: int, expected: tuple[int, int]
) -> None:
    assert ContestPlan(minutes=15, seed=1, service="exact").at_once(span, IMAGES) == expected


def test_a_run_that_only_tries_the_bench_out_fills_nothing() -> None:
    assert ContestPlan(minutes=0.1, seed=1, service="exact").at_once(3, IMAGES) == (3, 1)


def test_an_overload_lasts_twice_as_long_so_that_queues_have_time_to_build_if_there_is_time() -> None:
    whole, short = (ContestPlan(minutes, seed=1, service="exact") for minutes in (15, 0.1))
    assert [whole.requests_at(load, 40) for load in (0.5, 0.9, 1.4, 2.0)] == [20, 36, 112, 160]
    assert short.requests_at(1.4, 3) == 5
