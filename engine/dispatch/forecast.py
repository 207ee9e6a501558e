"""When waiting jobs should start and end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from engine.dispatch.jobs import EngineJob, Group
from engine.dispatch.supervisor import WorkerSupervisor


@dataclass(frozen=True, slots=True)
class Span:
    """When a job should start and end, in seconds from now; infinite if unknown."""

    start_s: float
    end_s: float


def forecast(lanes: Sequence[WorkerSupervisor], order: Sequence[EngineJob]) -> dict[str, Span]:
    """Return the spans of waiting jobs by id: each goes to the worker that is free first, at its measured rate.

    Args:
        lanes: all workers; only those that are ready count.
        order: the jobs that wait, in the fair order.
    """
    ready = [lane for lane in lanes if lane.is_ready]

    @cache
    def pace_s(lane: WorkerSupervisor, group: Group) -> float:
        """Return the time of one row-step on the worker; where that is unknown, on another."""
        known = (each.meter.rates.seconds_for(group, 1.0) for each in (lane, *ready))
        return next((seconds for seconds in known if seconds is not None), math.inf)

    @cache
    def who_draws(model: str) -> list[WorkerSupervisor]:
        return [lane for lane in ready if lane.can_draw(model)]

    free_s = {
        lane: sum(
            job.row_steps * pace_s(lane, job.group)
            for job in lane.running.values()
            if job.row_steps and not job.enlarges
        )
        for lane in ready
    }
    spans: dict[str, Span] = {}
    for job in order:
        if job.enlarges:  # beside the batch, at a rate that was not measured
            spans[job.job_id] = Span(math.inf, math.inf)
            continue
        lane = min(who_draws(job.model), key=lambda lane: free_s[lane], default=None)
        if lane is None:
            spans[job.job_id] = Span(math.inf, math.inf)
            continue
        start_s = free_s[lane]
        free_s[lane] += job.cost * pace_s(lane, job.group)
        spans[job.job_id] = Span(start_s, free_s[lane])
    return spans
