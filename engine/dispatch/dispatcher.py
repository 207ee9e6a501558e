"""The line in which jobs wait, and who is served when."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence

from engine.api import (
    Cancelled,
    DeadlinePassed,
    EngineError,
    EngineStatus,
    EngineStopped,
    Event,
    Failed,
    GenerationRequest,
    ModelUnavailable,
    SafetyUnavailable,
    TooBusy,
    Trouble,
)
from engine.dispatch.calibration import Calibration
from engine.dispatch.faults import Faults
from engine.dispatch.forecast import forecast
from engine.dispatch.health import WorkerState
from engine.dispatch.jobs import EngineJob
from engine.dispatch.placement import choose, look_ahead
from engine.dispatch.pulls import Pulls
from engine.dispatch.queue import StartTimeFairQueue
from engine.dispatch.supervisor import WorkerSupervisor
from engine.executors.port import Executor, Puller
from engine.settings import EngineSettings

UNKNOWN_ETA_S = 30.0


class Dispatcher:
    """Lets jobs wait in one fair line, gives each to a worker as late as possible, and sees that it ends once.

    `submit` and `EngineJob.cancel` only change structures and wake the dispatcher's task, so they may be called from
    any task, in any context; everything else happens in the tasks that `open` makes.

    Args:
        executors: one per worker.
        settings: the bounds of the line, and the patience with workers.
        clock: seconds since the epoch, for deadlines.
        puller: brings models here that are not; None when every job's model is.
    """

    def __init__(
        self,
        executors: Sequence[Executor],
        settings: EngineSettings,
        clock: Callable[[], float] = time.time,
        puller: Puller | None = None,
    ) -> None:
        self._wake = asyncio.Event()
        self._pulls = Pulls(puller, self._wake.set) if puller else None
        self._queue = StartTimeFairQueue()
        self._calibration = Calibration()
        self._faults = Faults()
        self._workers = tuple(
            WorkerSupervisor(executor, settings, self._calibration, self._faults, self._wake.set)
            for executor in executors
        )
        self._settings = settings
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._is_open = False

    def open(self) -> None:
        """Start the workers and the order of jobs, in tasks that inherit the caller's context."""
        self._is_open = True
        for worker in self._workers:
            self._tasks.append(asyncio.create_task(worker.own(), name=f"worker {worker.name}"))
        self._tasks.append(asyncio.create_task(self._keep_order(), name="order of jobs"))

    async def close(self) -> None:
        """End every job as retryable, then the workers."""
        self._is_open = False
        stopped = Failed(EngineStopped())
        for job in self._queue.order():
            self._give_up(job, Cancelled() if job.cancel_asked else stopped)
        for worker in self._workers:
            worker.end_all(stopped)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pulls:
            await self._pulls.close()

    def check(self, model: str, tenant: str | None = None) -> None:
        """Raise what keeps the engine from taking a job now: a place in the line is the permit to be drawn.

        Args:
            model: what it would be drawn with.
            tenant: whose job it would be; None leaves out that one's own bound.

        Raises:
            EngineStopped: it is closed, or no worker can be started.
            SafetyUnavailable: no worker passed its safety proof.
            ModelUnavailable: no worker can load the model.
            TooBusy: too many jobs wait.
        """
        if not self._is_open:
            raise EngineStopped
        if error := self._why_not(model):
            raise error
        if len(self._queue) >= self._settings.queue_limit:
            raise TooBusy(self._next_start_s(None))
        if tenant is not None and self._queue.of(tenant) >= self._settings.queue_limit_per_tenant:
            raise TooBusy(self._next_start_s(tenant))

    def submit(self, request: GenerationRequest) -> EngineJob:
        """Queue a request.

        Raises:
            EngineStopped, SafetyUnavailable, ModelUnavailable, TooBusy: as in `check`.
            ValueError: a live job has this id already, or the weight is not a number over 0.
        """
        if not (math.isfinite(request.weight) and request.weight > 0):
            raise ValueError(f"weight must be a number over 0, not {request.weight!r}")
        self.check(request.recipe.model, request.tenant)
        if request.job_id in self._queue or any(request.job_id in worker.running for worker in self._workers):
            raise ValueError(f"the job {request.job_id!r} is live already")
        job = EngineJob(request, self._wake.set)
        self._queue.put(job)
        self._wake.set()
        return job

    def status(self) -> EngineStatus:
        """Return a snapshot."""
        return EngineStatus(
            workers=sum(self._is_open and worker.is_ready for worker in self._workers),
            queued=len(self._queue),
            running=sum(len(worker.running) for worker in self._workers),
            troubles=self._troubles(),
            eta_ratio=self._calibration.ratio(),
        )

    async def _keep_order(self) -> None:
        while True:
            now = self._clock()
            self._arrange(now)
            try:
                async with asyncio.timeout(self._next_deadline_in_s(now)):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    def _arrange(self, now: float) -> None:
        """End what need not wait any longer, give the workers what they can take, tell the others their place.

        Args:
            now: seconds since the epoch.
        """
        waiting = self._queue.order()
        why_not = {model: self._why_not(model) for model in {job.model for job in waiting}}
        for job in waiting:
            if job.cancel_asked:
                self._give_up(job, Cancelled())
            elif job.request.deadline is not None and job.request.deadline <= now:
                self._give_up(job, Failed(DeadlinePassed()))
            elif error := why_not[job.model]:
                self._give_up(job, Failed(error))
        for worker in self._workers:
            worker.cancel_asked()
        self._pull_what_is_missing()
        while choice := choose(self._workers, self._drawable(), self._settings.patience_row_steps):
            for job in choice.overtaken:
                job.was_overtaken(choice.job.cost)
            self._queue.take(choice.job)
            choice.worker.draw(choice.job)
        for worker, model in look_ahead(self._workers, self._drawable()):
            worker.prefetch(model)
        self._tell_places()

    def _pull_what_is_missing(self) -> None:
        for model in {job.model for job in self._queue.order()}:
            if self._pulls and self._pulls.needs(model):
                self._pulls.start(model)

    def _drawable(self) -> list[EngineJob]:
        """Return the jobs that wait for nothing but a worker, in the fair order."""
        return [job for job in self._queue.order() if self._pulled(job) is None]

    def _pulled(self, job: EngineJob) -> float | None:
        return self._pulls.share(job.model) if self._pulls else None

    def _give_up(self, job: EngineJob, event: Event) -> None:
        self._queue.remove(job)
        job.emit(event)

    def _tell_places(self) -> None:
        news = [
            (place, job, pulled)
            for place, job in enumerate(self._queue.order(), start=1)
            if not job.knows_place(place, pulled := self._pulled(job))
        ]
        if not news:
            return
        now_s = asyncio.get_running_loop().time()
        spans = forecast(self._workers, self._drawable())
        for place, job, pulled in news:
            # When a pull will be done is anybody's guess.
            end_s = math.inf if pulled is not None else spans[job.job_id].end_s
            promise = self._calibration.promise(end_s, now_s) if math.isfinite(end_s) else None
            job.tell_place(place, pulled, promise)

    def _next_deadline_in_s(self, now: float) -> float | None:
        deadlines = [job.request.deadline for job in self._queue.order() if job.request.deadline is not None]
        return max(0.0, min(deadlines) - now) if deadlines else None

    def _next_start_s(self, tenant: str | None) -> float:
        """Return when the next job of the tenant, or of anybody, should leave the line."""
        order = self._drawable()
        spans = forecast(self._workers, order)
        starts = [spans[job.job_id].start_s for job in order if tenant in (None, job.request.tenant)]
        soonest_s = min(starts, default=math.inf)
        return soonest_s if math.isfinite(soonest_s) else UNKNOWN_ETA_S

    def _why_not(self, model: str) -> EngineError | None:
        """Return why no worker can draw with the model; None if one can, or may soon."""
        if self._pulls and (reason := self._pulls.why_not(model)):
            return ModelUnavailable(model, reason)
        working = [worker for worker in self._workers if worker.health.takes_jobs]
        if any(worker.can_draw(model) for worker in working):
            return None
        if working:
            return ModelUnavailable(model, working[0].why_not(model))
        unfit = [worker.health.reason for worker in self._workers if worker.health.state is WorkerState.UNFIT]
        return SafetyUnavailable(unfit[0]) if unfit else EngineStopped()

    def _troubles(self) -> tuple[Trouble, ...]:
        if not self._is_open:
            return (Trouble("engine", EngineStopped().sentence()),)
        if not self._workers:
            return (Trouble("engine", "There is no worker."),)
        told = [trouble for worker in self._workers for trouble in worker.health.troubles()]
        return (*told, *self._faults.troubles(), *(self._pulls.troubles() if self._pulls else ()))
