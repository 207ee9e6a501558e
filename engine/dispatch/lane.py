"""One worker: its queue, the jobs it draws, and its life from start to restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum

from engine.api import (
    Cancelled,
    DeadlinePassed,
    EngineError,
    Event,
    Failed,
    Finished,
    GenerationFailed,
    Progress,
    Queued,
    SafetyUnavailable,
    Started,
    WorkerDied,
    error_from_data,
)
from engine.dispatch.jobs import EngineJob
from engine.dispatch.queue import FairQueue
from engine.dispatch.rate import StepRate
from engine.executors.port import Executor, WorkerGone
from engine.wire import Cancel, Draw, FromWorker, JobCancelled, JobFailed, JobFinished, JobProgress, JobStarted

CAPACITY = 1
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
STARTS_BEFORE_BROKEN = 3

log = logging.getLogger(__name__)


class WorkerState(Enum):
    """Where a worker is in its life. UNFIT and BROKEN workers get no jobs, but go on being restarted."""

    STARTING = "starting"
    READY = "ready"
    UNFIT = "unfit"
    BROKEN = "broken"


class Lane:
    """The queue in front of one worker, and the worker's owner.

    The dispatcher's task calls `arrange`; the lane's own task runs `own`. Nobody else changes a lane.

    Args:
        executor: runs the worker; owned by this lane.
        start_timeout_s: how long a start may take.
        changed: called without waiting when the dispatcher should arrange again.
    """

    def __init__(self, executor: Executor, start_timeout_s: float, changed: Callable[[], None]) -> None:
        self.queue = FairQueue()
        self.running: dict[str, EngineJob] = {}
        self.state = WorkerState.STARTING
        self.trouble = ""
        self._executor = executor
        self._start_timeout_s = start_timeout_s
        self._changed = changed
        self._failed_starts = 0
        self._rate = StepRate()

    @property
    def name(self) -> str:
        """Name of the worker."""
        return self._executor.name

    @property
    def takes_jobs(self) -> bool:
        """Whether jobs may wait here: the worker is ready, or may soon be."""
        return self.state in (WorkerState.STARTING, WorkerState.READY)

    @property
    def load(self) -> float:
        """Work waiting and running, in row-steps."""
        return self._running_row_steps() + sum(job.row_steps for job in self.queue.order())

    def free_in_s(self) -> float | None:
        """Return when the jobs that run now should be done; None if unknown."""
        return self._rate.seconds_for(self._running_row_steps())

    def arrange(self, now: float) -> None:
        """End what need not wait any longer, give the worker what it can take, tell the others their place.

        Args:
            now: seconds since the epoch.
        """
        for job in self.queue.order():
            if job.cancel_asked:
                self._give_up(job, Cancelled())
            elif job.request.deadline is not None and job.request.deadline <= now:
                self._give_up(job, Failed(DeadlinePassed()))
        for job in self.running.values():
            if job.cancel_asked and not job.cancel_sent:
                job.cancel_sent = True
                self._executor.send(Cancel(job.job_id))
        while self.state is WorkerState.READY and len(self.running) < CAPACITY and self.queue:
            self._draw(self.queue.take())
        self._tell_places()

    def end_all(self, event: Event) -> None:
        """End every job here with the event, or as cancelled if that was asked for."""
        for job in self.queue.order():
            self.queue.remove(job)
            job.emit(Cancelled() if job.cancel_asked else event)
        self._end_running(event)

    async def own(self) -> None:
        """Keep the worker alive and hear what it says, until this task is cancelled."""
        try:
            while True:
                try:
                    await self._live_once()
                except Exception as error:
                    log.exception("worker %s: unexpected", self.name)
                    self._start_failed(WorkerState.BROKEN, repr(error))
                if self.state is WorkerState.READY:
                    self.state = WorkerState.STARTING
                self._end_running(Failed(WorkerDied(self.name)))
                self._changed()
                await self._executor.stop()
                await asyncio.sleep(min(FIRST_DELAY_S * 2**self._failed_starts, LONGEST_DELAY_S))
        finally:
            await self._executor.stop()

    async def _live_once(self) -> None:
        try:
            async with asyncio.timeout(self._start_timeout_s):
                ready = await self._executor.start()
        except SafetyUnavailable as error:
            self._start_failed(WorkerState.UNFIT, error.reason)
        except WorkerGone as error:
            self._start_failed(WorkerState.BROKEN, str(error))
        except TimeoutError:
            reason = f"the worker {self.name} was not ready after {self._start_timeout_s:g} s"
            self._start_failed(WorkerState.BROKEN, reason)
        else:
            log.info("worker %s is ready on %s with %d threads", self.name, ready.device, ready.threads)
            self.state, self.trouble, self._failed_starts = WorkerState.READY, "", 0
            self._changed()
            await self._listen()

    async def _listen(self) -> None:
        while True:
            try:
                message = await self._executor.receive()
            except WorkerGone as error:
                log.warning("worker %s is gone: %s", self.name, error)
                return
            self._hear(message)
            self._changed()

    def _start_failed(self, state: WorkerState, reason: str) -> None:
        log.error("worker %s could not be started: %s", self.name, reason)
        self._failed_starts += 1
        if state is WorkerState.UNFIT or self._failed_starts >= STARTS_BEFORE_BROKEN:
            self.state, self.trouble = state, reason

    def _draw(self, job: EngineJob) -> None:
        self.running[job.job_id] = job
        try:
            self._executor.send(Draw(job.request))
        except (TypeError, ValueError, OverflowError) as error:
            # One request that no message can hold must not end the order of all the others.
            self._end(job, Failed(GenerationFailed(f"the request cannot be sent to a worker: {error}")))

    def _hear(self, message: FromWorker) -> None:
        job = self.running.get(getattr(message, "job_id", ""))
        if job is None:
            return
        match message:
            case JobStarted():
                job.emit(Started(self.name))
            case JobProgress():
                job.done = message.step / max(message.total, 1)
                job.emit(Progress(message.step, message.total, message.preview))
            case JobFinished():
                self._finish(job, message)
            case JobFailed():
                self._end(job, Failed(_error(message)))
            case JobCancelled():
                self._end(job, Cancelled() if job.cancel_asked else Failed(WorkerDied(self.name)))

    def _finish(self, job: EngineJob, message: JobFinished) -> None:
        asked = len(job.request.recipe.images)
        if [result.index for result in message.images] != list(range(asked)):
            reason = f"worker {self.name} sent {len(message.images)} results for {asked} images"
            self._end(job, Failed(GenerationFailed(reason)))
            return
        job.done = 0.0
        self._rate.learn(job.row_steps, message.facts.seconds)
        self._end(job, Finished(message.images, message.grid, message.facts))

    def _end(self, job: EngineJob, event: Event) -> None:
        del self.running[job.job_id]
        job.emit(event)

    def _end_running(self, event: Event) -> None:
        for job in list(self.running.values()):
            self._end(job, Cancelled() if job.cancel_asked else event)

    def _give_up(self, job: EngineJob, event: Event) -> None:
        self.queue.remove(job)
        job.emit(event)

    def _running_row_steps(self) -> float:
        return sum(job.row_steps for job in self.running.values())

    def _tell_places(self) -> None:
        ahead = self._running_row_steps()
        for place, job in enumerate(self.queue.order(), start=1):
            ahead += job.row_steps
            if job.place != place:
                job.place = place
                job.emit(Queued(place, self._rate.seconds_for(ahead) if self.state is WorkerState.READY else None))


def _error(message: JobFailed) -> EngineError:
    try:
        return error_from_data(message.code, message.data)
    except (KeyError, TypeError):
        return GenerationFailed(f"the worker reported {message.code!r}")
