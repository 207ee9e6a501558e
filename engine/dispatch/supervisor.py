"""One worker: the jobs it draws, and its life from start to restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from engine.api import (
    Cancelled,
    EngineError,
    Event,
    Failed,
    Fault,
    Finished,
    GenerationFailed,
    InputNotJudged,
    ModelUnavailable,
    OutOfMemory,
    Progress,
    SafetyUnavailable,
    Started,
    WorkerDied,
    WorkerReplaced,
    error_from_data,
)
from engine.dispatch.calibration import Calibration
from engine.dispatch.faults import OUT_OF_MEMORY, Faults
from engine.dispatch.health import Health, WorkerState
from engine.dispatch.jobs import ROWS_AN_IMAGE, EngineJob, Group
from engine.dispatch.rate import Meter
from engine.executors.port import Executor, WorkerGone
from engine.settings import EngineSettings
from engine.wire import (
    Cancel,
    Draw,
    FromWorker,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobProgress,
    JobStarted,
    Leaving,
    Loaded,
    Prefetch,
)

AT_HAND, NEAR, FAR = 0, 1, 2
"""How near a worker is to drawing with a model: ready, in memory, or in its files."""
NOTHING = Loaded((), ())
LEAVE_S = 10.0
"""How long a worker that ends itself may take; one that cannot is made to."""
SEATS = 2
"""How many times as many rows a worker may have as one call holds."""

log = logging.getLogger(__name__)


class WorkerSupervisor:
    """A worker's owner.

    The dispatcher's task gives it jobs and cancels them; the lane's own task runs `own`. Nobody else changes a lane.

    Args:
        executor: runs the worker; owned by this lane.
        settings: how long starts and steps may take.
        calibration: told when a job ended that was told when it would.
        faults: told what the gate could not judge.
        changed: called without waiting when the dispatcher should look again.
    """

    def __init__(
        self,
        executor: Executor,
        settings: EngineSettings,
        calibration: Calibration,
        faults: Faults,
        changed: Callable[[], None],
    ) -> None:
        self.running: dict[str, EngineJob] = {}
        self.health = Health(executor.name)
        self.meter = Meter()
        self._executor = executor
        self._settings = settings
        self._calibration = calibration
        self._faults = faults
        self._changed = changed
        self._budget = ROWS_AN_IMAGE
        self._loaded = NOTHING
        self._ahead: str | None = None
        self._leaving: Leaving | None = None
        self._watchdog: asyncio.Timeout | None = None

    @property
    def name(self) -> str:
        """Name of the worker."""
        return self._executor.name

    @property
    def is_ready(self) -> bool:
        """Whether the worker draws, or could at once."""
        return self.health.state is WorkerState.READY and self._leaving is None

    @property
    def has_room(self) -> bool:
        """Whether one call holds more than the worker has. Its last job may be larger than the room that is left."""
        return self.is_ready and not self.has_suspect and self._rows < self._budget

    @property
    def has_suspect(self) -> bool:
        """Whether the worker draws a job that has it to itself."""
        return any(job.alone for job in self.running.values())

    def has_seat(self, job: EngineJob) -> bool:
        """Whether the worker, which may have more images than one call holds, takes a tenant's first job."""
        others = self.running.values()
        if self.has_suspect:
            return False
        return self._rows < SEATS * self._budget and all(each.request.tenant != job.request.tenant for each in others)

    @property
    def _rows(self) -> int:
        return sum(job.rows for job in self.running.values())

    @property
    def load(self) -> float:
        """Work under way, in row-steps."""
        return sum(job.row_steps for job in self.running.values())

    @property
    def groups(self) -> frozenset[Group]:
        """What the worker draws now; empty when it draws nothing."""
        return frozenset(job.group for job in self.running.values() if not job.enlarges)

    def can_take(self, job: EngineJob) -> bool:
        """Whether the worker may be asked for the job while it has room. Of pictures it makes one larger at a time."""
        return self.can_draw(job.model) and not (job.enlarges and any(each.enlarges for each in self.running.values()))

    def can_draw(self, model: str) -> bool:
        """Whether the worker may be asked to draw with the model."""
        return self.health.takes_jobs and not self.why_not(model)

    def why_not(self, model: str) -> str:
        """Return why the worker cannot load the model; empty when it may be asked to."""
        return self.health.why_not(model, _now_s())

    def distance(self, model: str) -> int:
        """Return how far the worker is from drawing with a model: AT_HAND, NEAR or FAR."""
        if model in self._loaded.ready:
            return AT_HAND
        return NEAR if model in self._loaded.near else FAR

    @property
    def ahead(self) -> str | None:
        """The model that the worker was last told to load beside its batch."""
        return self._ahead

    def draw(self, job: EngineJob) -> None:
        """Give the worker a job."""
        if not self.running:
            self._watch(self._silence_s())
        self.running[job.job_id] = job
        try:
            self._executor.send(Draw(job.request))
        except (TypeError, ValueError, OverflowError) as error:
            # One request that no message can hold must not end the order of all the others.
            self._end(job, Failed(GenerationFailed(f"the request cannot be sent to a worker: {error}")))

    def prefetch(self, model: str) -> None:
        """Have the worker load a model beside its batch."""
        self._ahead = model
        self._executor.send(Prefetch(model))

    def cancel_asked(self) -> None:
        """Tell the worker which of its jobs are not wanted any more."""
        for job in self.running.values():
            if job.take_cancel():
                self._executor.send(Cancel(job.job_id))

    def end_all(self, event: Event) -> None:
        """End every job here with the event, or as cancelled if that was asked for."""
        for job in list(self.running.values()):
            self._end(job, Cancelled() if job.cancel_asked else event)

    async def own(self) -> None:
        """Keep the worker alive and hear what it says, until this task is cancelled."""
        try:
            while True:
                try:
                    await self._live_once()
                except Exception as error:
                    log.exception("worker %s: unexpected", self.name)
                    self._is_gone(repr(error))
                self._changed()
                await self._executor.stop()
                await asyncio.sleep(self.health.delay_s)
        finally:
            await self._executor.stop()

    async def _live_once(self) -> None:
        timeout_s = self._settings.start_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                ready = await self._executor.start()
        except SafetyUnavailable as error:
            self.health.start_failed(WorkerState.UNFIT, error.reason)
        except WorkerGone as error:
            self.health.start_failed(WorkerState.BROKEN, str(error))
        except TimeoutError:
            self.health.start_failed(WorkerState.BROKEN, f"the worker {self.name} was not ready after {timeout_s:g} s")
        else:
            log.info("worker %s is ready on %s with %d threads", self.name, ready.device, ready.threads)
            self._budget, self._loaded, self._ahead = ready.rows, NOTHING, None
            self.health.started()
            self._changed()
            self._is_gone(await self._listen())

    async def _listen(self) -> str:
        """Hear the worker until it is gone, or silent for too long while it draws; return why it ended."""
        try:
            async with asyncio.timeout(None) as self._watchdog:
                while True:
                    message = await self._executor.receive()
                    self._hear(message)
                    if self.running:
                        self._watch(self._silence_s())
        except WorkerGone as error:
            return str(error)
        except TimeoutError:
            return f"{self.name} was silent for {self._silence_s():g} s while drawing"
        finally:
            self._watchdog = None

    def _silence_s(self) -> float:
        """Return how long the worker may be silent: longer before its first step, because a model may be loading."""
        loading_s = 0.0 if self.meter.is_stepping else self._settings.load_timeout_s
        return loading_s + self._settings.step_timeout_s

    def _watch(self, silence_s: float | None) -> None:
        if self._watchdog is not None and not self._watchdog.expired() and self._leaving is None:
            self._watchdog.reschedule(None if silence_s is None else _now_s() + silence_s)

    def _is_gone(self, reason: str) -> None:
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            self.health.died(leaving.reason, [leaving.job_id])
            self._end_blamed(leaving)
        elif self.is_ready:
            self.health.died(reason, self.running.keys())
        else:
            self.health.start_failed(WorkerState.BROKEN, reason)
        self.end_all(Failed(WorkerDied(self.name) if leaving is None else WorkerReplaced(self.name)))

    def _end_blamed(self, leaving: Leaving) -> None:
        """End the job over which a detector hung, if it had no last message: it was only a preview of it."""
        if (job := self.running.get(leaving.job_id)) is not None:
            self._faults.met(self.name, job, Fault.DETECTOR_HUNG, leaving.reason)
            self._end(job, Cancelled() if job.cancel_asked else Failed(WorkerDied(self.name)))

    def _hear(self, message: FromWorker) -> None:
        if isinstance(message, Loaded):
            self._loaded = message
            self._changed()
            return
        job = self.running.get(getattr(message, "job_id", ""))
        if isinstance(message, Leaving):
            self._watch(LEAVE_S)
            self._leaving = message
        if job is None:
            return
        match message:
            case JobStarted():
                if not job.enlarges:
                    self.meter.joined(job, _now_s())
                job.emit(Started(self.name))
            case JobProgress():
                if not job.enlarges:
                    self.meter.stepped(job, message.step / max(message.total, 1), _now_s())
                job.emit(Progress(message.step, message.total, message.preview))
            case JobFinished():
                self._finish(job, message)
            case JobFailed():
                self._fail(job, _error(message))
            case JobCancelled():
                # Not asked: the worker was told to stop by somebody else.
                self._end(job, Cancelled() if job.cancel_asked else Failed(WorkerReplaced(self.name)))

    def _finish(self, job: EngineJob, message: JobFinished) -> None:
        asked = len(job.request.recipe.images)
        if [result.index for result in message.images] != list(range(asked)):
            reason = f"worker {self.name} sent {len(message.images)} results for {asked} images"
            self._end(job, Failed(GenerationFailed(reason)))
            return
        self._faults.judged(self.name, job, message.images)
        if self._leaving is None:
            self.health.drew(job.model)
        if not job.enlarges:
            self.meter.finished(job, _now_s())
        if job.promise is not None:
            self._calibration.learn(job.promise, _now_s())
        self._end(job, Finished(message.images, message.grid, message.facts))

    def _fail(self, job: EngineJob, error: EngineError) -> None:
        if isinstance(error, ModelUnavailable):
            self.health.model_failed(job.model, error.reason, _now_s())
        if isinstance(error, InputNotJudged):
            self._faults.met(self.name, job, error.fault, error.reason)
        if isinstance(error, OutOfMemory):
            self._faults.met(self.name, job, OUT_OF_MEMORY, error.reason)
        self._end(job, Failed(error))

    def _end(self, job: EngineJob, event: Event) -> None:
        del self.running[job.job_id]
        self.meter.left(job)
        if not self.groups:
            self._ahead = None
        if not self.running:
            self._watch(None)
        job.emit(event)
        self._changed()


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _error(message: JobFailed) -> EngineError:
    try:
        return error_from_data(message.code, message.data)
    except (KeyError, TypeError, ValueError):
        return GenerationFailed(f"the worker reported {message.code!r}")
