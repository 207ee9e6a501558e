"""When waiting jobs should start and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.dispatch.jobs import EngineJob
from engine.dispatch.lane import Lane


@dataclass(frozen=True, slots=True)
class Span:
    """When a job should start and end, in seconds from now; None if unknown."""

    start_s: float | None
    end_s: float | None


def forecast(lanes: Sequence[Lane], order: Sequence[EngineJob]) -> dict[str, Span]:
    """Return the spans of waiting jobs by id: each goes to the worker that is free first, at its measured rate.

    Args:
        lanes: all workers; only those that are ready count.
        order: the jobs that wait, in the fair order.
    """
    ready = [lane for lane in lanes if lane.is_ready]
    free_s = {
        lane.name: _sum([_seconds(lane, ready, job, job.row_steps) for job in lane.running.values()]) for lane in ready
    }
    spans: dict[str, Span] = {}
    for job in order:
        known = [lane for lane in ready if lane.can_draw(job.model) and free_s[lane.name] is not None]
        if not known:
            spans[job.job_id] = Span(None, None)
            continue
        lane = min(known, key=lambda lane: free_s[lane.name] or 0.0)
        start_s = free_s[lane.name]
        free_s[lane.name] = end_s = _sum([start_s, _seconds(lane, ready, job, job.cost)])
        spans[job.job_id] = Span(start_s, end_s)
    return spans


def _seconds(lane: Lane, others: Sequence[Lane], job: EngineJob, row_steps: float) -> float | None:
    """Return how long the work should take on the worker; where that is unknown, how long on another."""
    guesses = (each.meter.rates.seconds_for(job.group, row_steps) for each in (lane, *others))
    return next((guess for guess in guesses if guess is not None), None)


def _sum(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return sum(known) if len(known) == len(seconds) else None
