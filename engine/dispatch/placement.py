"""Which job goes to which worker next: the fair order, bent a little so that models stay where they are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.dispatch.jobs import EngineJob
from engine.dispatch.lane import Lane


@dataclass(frozen=True, slots=True)
class Choice:
    """A job for a worker, and the jobs that it overtakes there: those before it in the fair order."""

    lane: Lane
    job: EngineJob
    overtaken: tuple[EngineJob, ...] = ()


def choose(lanes: Sequence[Lane], order: Sequence[EngineJob], patience: float) -> Choice | None:
    """Return what to do next; None when no worker with room can be given any of these jobs.

    The worker with the least work chooses first, and leaves a job to an idle one that is nearer to its model. Beside a
    busy one it loads the model too: an idle worker helps nobody.

    Args:
        lanes: all workers.
        order: the jobs that wait, in the fair order.
        patience: row-steps that may overtake a job.
    """
    with_room = sorted((lane for lane in lanes if lane.has_room), key=lambda lane: lane.load)
    for leaves in (True, False):
        for lane in with_room:
            rivals = [other for other in with_room if leaves and other is not lane]
            mine = (job for job in order if lane.can_draw(job.model) and not _left(job, lane, rivals))
            if choice := _for_lane(lane, mine, patience):
                return choice
    return None


def _for_lane(lane: Lane, order: Iterable[EngineJob], patience: float) -> Choice | None:
    """Return the first job that goes on with what the worker draws, unless it would overtake one for too long.

    A worker in the middle of a batch then gets nothing until it is done; an idle one gets the first job there is.
    """
    ahead: list[EngineJob] = []
    for job in order:
        goes_on = job.group == lane.group if lane.group else lane.distance(job.model) == 0
        if goes_on and all(other.overtaken + job.cost <= patience for other in ahead):
            return Choice(lane, job, tuple(ahead))
        if goes_on:
            break
        ahead.append(job)
    return Choice(lane, ahead[0]) if ahead and lane.group is None else None


def _left(job: EngineJob, lane: Lane, rivals: Sequence[Lane]) -> bool:
    """Whether another worker that could take the job now is nearer to its model."""
    return any(
        other.distance(job.model) < lane.distance(job.model) and other.group is None and other.can_draw(job.model)
        for other in rivals
    )
