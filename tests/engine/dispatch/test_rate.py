from __future__ import annotations

import pytest

from engine.dispatch.rate import StepRate


def test_nothing_is_known_before_the_first_job() -> None:
    assert StepRate().seconds_for(10) is None


def test_the_first_job_sets_the_rate() -> None:
    rate = StepRate()
    rate.learn(row_steps=40, seconds=2)
    assert rate.seconds_for(10) == pytest.approx(0.5)


def test_newer_jobs_count_more_than_older_ones_but_not_alone() -> None:
    rate = StepRate()
    rate.learn(row_steps=10, seconds=1)
    rate.learn(row_steps=20, seconds=1)
    after_one = rate.seconds_for(100)
    assert after_one is not None
    assert 5 < after_one < 10
    for _ in range(50):
        rate.learn(row_steps=20, seconds=1)
    assert rate.seconds_for(100) == pytest.approx(5)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_job_that_took_no_time_teaches_nothing(seconds: float) -> None:
    rate = StepRate()
    rate.learn(row_steps=10, seconds=1)
    rate.learn(row_steps=10, seconds=seconds)
    assert rate.seconds_for(10) == pytest.approx(1)
