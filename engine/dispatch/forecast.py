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


def forecast(workers: Sequence[WorkerSupervisor], order: Sequence[EngineJob]) -> dict[str, Span]:
    """Return the spans of waiting jobs by id: each goes to the worker that is free first, at its measured rate.

    Args:
        workers: all workers; only those that are ready count.
        order: the jobs that wait, in the fair order.
    """
    ready = [worker for worker in workers if worker.is_ready]

    @cache
    def pace_s(worker: WorkerSupervisor, group: Group) -> float:
        """Return the time of one row-step on the worker; where that is unknown, on another."""
        known = (each.meter.rates.seconds_for(group, 1.0) for each in (worker, *ready))
        return next((seconds for seconds in known if seconds is not None), math.inf)

    @cache
    def who_draws(model: str) -> list[WorkerSupervisor]:
        return [worker for worker in ready if worker.can_draw(model)]

    free_s = {
        worker: sum(
            job.row_steps * pace_s(worker, job.group)
            for job in worker.running.values()
            if job.row_steps and not job.enlarges
        )
        for worker in ready
    }
    spans: dict[str, Span] = {}
    for job in order:
        if job.enlarges:  # beside the batch, at a rate that was not measured
            spans[job.job_id] = Span(math.inf, math.inf)
            continue
        worker = min(who_draws(job.model), key=lambda worker: free_s[worker], default=None)
        if worker is None:
            spans[job.job_id] = Span(math.inf, math.inf)
            continue
        start_s = free_s[worker]
        free_s[worker] += job.cost * pace_s(worker, job.group)
        spans[job.job_id] = Span(start_s, free_s[worker])
    return spans
