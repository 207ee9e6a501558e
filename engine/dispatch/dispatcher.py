"""Which worker draws a job, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from engine.api import (
    EngineError,
    EngineStatus,
    EngineStopped,
    Failed,
    GenerationRequest,
    SafetyUnavailable,
    TooBusy,
)
from engine.dispatch.jobs import EngineJob
from engine.dispatch.lane import Lane, WorkerState
from engine.executors.port import Executor

UNKNOWN_ETA_S = 30.0


class Dispatcher:
    """Puts every job in the queue of one worker, and sees to it that each ends exactly once.

    `submit` and `EngineJob.cancel` only change structures and wake the dispatcher's task, so they may be called from
    any task, in any context; everything else happens in the tasks that `open` makes.

    Args:
        executors: one per worker.
        queue_limit: how many jobs may wait, over all workers.
        start_timeout_s: how long a worker's start may take.
        clock: seconds since the epoch, for deadlines.
    """

    def __init__(
        self,
        executors: Sequence[Executor],
        queue_limit: int,
        start_timeout_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._wake = asyncio.Event()
        self._lanes = tuple(Lane(executor, start_timeout_s, self._wake.set) for executor in executors)
        self._queue_limit = queue_limit
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._is_open = False

    def open(self) -> None:
        """Start the workers and the order of jobs, in tasks that inherit the caller's context."""
        self._is_open = True
        for lane in self._lanes:
            self._tasks.append(asyncio.create_task(lane.own(), name=f"worker {lane.name}"))
        self._tasks.append(asyncio.create_task(self._keep_order(), name="order of jobs"))

    async def close(self) -> None:
        """End every job as retryable, then the workers."""
        self._is_open = False
        for lane in self._lanes:
            lane.end_all(Failed(EngineStopped()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self) -> None:
        """Raise what keeps the engine from taking any job now.

        Raises:
            EngineStopped: it is closed, or no worker can be started.
            SafetyUnavailable: no worker passed its safety proof.
            TooBusy: too many jobs wait.
        """
        if not self._is_open:
            raise EngineStopped
        if not any(lane.takes_jobs for lane in self._lanes):
            raise self._why_not()
        if sum(len(lane.queue) for lane in self._lanes) >= self._queue_limit:
            raise TooBusy(self._place_free_in_s())

    def submit(self, request: GenerationRequest) -> EngineJob:
        """Queue a request at the worker with the least work.

        Raises:
            EngineStopped, SafetyUnavailable, TooBusy: as in `check`.
            ValueError: a live job has this id already.
        """
        self.check()
        jobs = [job for lane in self._lanes for job in (*lane.queue.order(), *lane.running.values())]
        if any(job.job_id == request.job_id for job in jobs):
            raise ValueError(f"the job {request.job_id!r} is live already")
        job = EngineJob(request, self._wake.set)
        self._place(job)
        self._wake.set()
        return job

    def status(self) -> EngineStatus:
        """Return a snapshot; `workers` counts those that are ready."""
        return EngineStatus(
            workers=sum(self._is_open and lane.state is WorkerState.READY for lane in self._lanes),
            queued=sum(len(lane.queue) for lane in self._lanes),
            running=sum(len(lane.running) for lane in self._lanes),
            trouble=self._trouble(),
        )

    async def _keep_order(self) -> None:
        while True:
            self._move_stranded()
            now = self._clock()
            for lane in self._lanes:
                lane.arrange(now)
            try:
                async with asyncio.timeout(self._next_deadline_in_s(now)):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    def _move_stranded(self) -> None:
        for lane in self._lanes:
            for job in lane.queue.order() if not lane.takes_jobs else ():
                lane.queue.remove(job)
                if any(other.takes_jobs for other in self._lanes):
                    self._place(job)
                else:
                    job.emit(Failed(self._why_not()))

    def _place(self, job: EngineJob) -> None:
        lanes = (lane for lane in self._lanes if lane.takes_jobs)
        min(lanes, key=lambda lane: (lane.state is not WorkerState.READY, lane.load)).queue.put(job)

    def _next_deadline_in_s(self, now: float) -> float | None:
        waiting = (job.request.deadline for lane in self._lanes for job in lane.queue.order())
        deadlines = [deadline for deadline in waiting if deadline is not None]
        return max(0.0, min(deadlines) - now) if deadlines else None

    def _place_free_in_s(self) -> float:
        known = [eta_s for lane in self._lanes if lane.takes_jobs and (eta_s := lane.free_in_s()) is not None]
        return min(known, default=UNKNOWN_ETA_S)

    def _why_not(self) -> EngineError:
        unfit = [lane.trouble for lane in self._lanes if lane.state is WorkerState.UNFIT]
        return SafetyUnavailable(unfit[0]) if unfit else EngineStopped()

    def _trouble(self) -> str:
        if not self._is_open:
            return EngineStopped().sentence()
        if any(lane.takes_jobs for lane in self._lanes):
            return ""
        error = self._why_not()
        if isinstance(error, SafetyUnavailable):
            return error.sentence()
        return (
            f"No worker can be started: {self._lanes[0].trouble.rstrip('.')}." if self._lanes else "There is no worker."
        )
