"""Which job goes to which worker next: the fair order, bent a little so that models stay where they are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.dispatch.jobs import EngineJob
from engine.dispatch.supervisor import AT_HAND, FAR, WorkerSupervisor


@dataclass(frozen=True, slots=True)
class Choice:
    """A job for a worker, and the jobs that it overtakes there: those before it in the fair order."""

    worker: WorkerSupervisor
    job: EngineJob
    overtaken: tuple[EngineJob, ...] = ()


def choose(workers: Sequence[WorkerSupervisor], order: Sequence[EngineJob], patience: float) -> Choice | None:
    """Return what to do next; None when no worker can be given any of these jobs.

    The worker with the least work chooses first, and leaves a job to an idle one that is nearer to its model. Beside a
    busy one it loads the model too: an idle worker helps nobody. Where all calls are full, the next job may still join
    one if it is its tenant's first there, so that nobody waits for the jobs of others to end.

    A suspect, which may be what ended a worker, gets an idle one, and nothing comes beside it. There is one at a time,
    so that a death tells which it was, also one that takes all workers along.

    Args:
        workers: all workers.
        order: the jobs that wait, in the fair order.
        patience: row-steps that may overtake a job.
    """
    if any(worker.has_suspect for worker in workers):
        order = [job for job in order if not job.alone]
    ready = sorted((worker for worker in workers if worker.is_ready), key=lambda worker: worker.load)
    with_room = [worker for worker in ready if worker.has_room]
    for leaves in (True, False):
        for worker in with_room:
            rivals = [other for other in with_room if leaves and other is not worker]
            mine = (job for job in order if worker.can_take(job) and not _left(job, worker, rivals))
            if choice := _for_worker(worker, mine, patience):
                return choice
    seated = (worker for worker in ready for job in order[:1] if worker.can_take(job) and worker.has_seat(job))
    return next((choice for worker in seated if (choice := _for_worker(worker, order[:1], patience))), None)


def look_ahead(
    workers: Sequence[WorkerSupervisor], order: Sequence[EngineJob]
) -> Iterator[tuple[WorkerSupervisor, str]]:
    """Yield what workers should load beside their batch: models of waiting jobs that no worker has in memory.

    The worker that will be free first loads the model that will be wanted first, and no more than one for each batch.
    """
    ready = [worker for worker in workers if worker.is_ready]
    coming = {worker.ahead for worker in ready} | {model for worker in ready for model, *_ in worker.groups}
    wanted = [model for model in dict.fromkeys(job.model for job in order) if model not in coming]
    wanted = [model for model in wanted if not any(_has(worker, model) for worker in ready)]
    busy = (worker for worker in ready if worker.groups and not worker.ahead and not worker.has_suspect)
    for worker in sorted(busy, key=lambda worker: worker.load):
        if (model := next((model for model in wanted if worker.can_draw(model)), None)) is not None:
            wanted.remove(model)
            yield worker, model


def _has(worker: WorkerSupervisor, model: str) -> bool:
    return worker.can_draw(model) and worker.distance(model) < FAR


def _for_worker(worker: WorkerSupervisor, order: Iterable[EngineJob], patience: float) -> Choice | None:
    """Return the first job that goes on with what the worker draws, or else the first that can join it.

    Neither may overtake a job for too long. A worker in the middle of a batch then gets nothing until it is done; an
    idle one gets the first job there is. A suspect never joins.
    """
    ahead: list[EngineJob] = []
    joins: Choice | None = None
    for job in order:
        in_time = all(other.overtaken + job.cost <= patience for other in ahead)
        if job.alone and worker.running:
            ahead.append(job)
            continue
        if _goes_on(job, worker):
            if in_time:
                return Choice(worker, job, tuple(ahead))
            break
        if joins is None and in_time and worker.distance(job.model) == AT_HAND:
            joins = Choice(worker, job, tuple(ahead))
        ahead.append(job)
    if joins or not ahead:
        return joins
    is_idle = not worker.running if ahead[0].alone else not worker.groups
    return Choice(worker, ahead[0]) if is_idle else None


def _goes_on(job: EngineJob, worker: WorkerSupervisor) -> bool:
    """Whether the job shares the worker's calls, or enlarges a picture of a model that is drawn with."""
    if job.enlarges:
        return any(model == job.model for model, *_ in worker.groups)
    return job.group in worker.groups


def _left(job: EngineJob, worker: WorkerSupervisor, rivals: Sequence[WorkerSupervisor]) -> bool:
    """Whether another worker that could take the job now is nearer to its model."""
    return any(
        other.distance(job.model) < worker.distance(job.model) and not other.groups and other.can_draw(job.model)
        for other in rivals
    )
