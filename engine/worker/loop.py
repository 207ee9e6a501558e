"""The worker's loop: drain messages -> admit -> pack -> UNet and scheduler steps -> detach what is finished.

One thread, the step thread, owns everything here. It looks at its messages before every UNet call, so a cancel waits
for one call at most.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from importlib.metadata import version

from engine.api import EngineError, Facts, GenerationFailed, GenerationRequest
from engine.catalog import Catalog
from engine.wire import (
    Cancel,
    Draw,
    FromWorker,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobProgress,
    JobStarted,
    Ready,
    Stop,
    ToWorker,
    Unfit,
)
from engine.worker.channel import Inbox
from engine.worker.device import Device
from engine.worker.faults import one_line
from engine.worker.jobs import Job, begin_job
from engine.worker.pipelines import Models
from engine.worker.safety import Detector, ProofFailed, load_floor

_VERSIONED = ("diffusers", "torch", "transformers")

_log = logging.getLogger(__name__)


def run_worker(
    name: str,
    device: Device,
    catalog: Catalog,
    inbox: Inbox,
    send: Callable[[FromWorker], None],
    open_floor: Callable[[], Detector] = load_floor,
) -> int:
    """Prove the gate's floor, then draw until told to stop; return the process's exit code.

    Args:
        name: of this worker.
        device: what it draws on.
        catalog: which models there are.
        inbox: the parent's messages; None when the parent is gone.
        send: gives the parent a message.
        open_floor: loads and proves the classifier under every gate.
    """
    try:
        floor = open_floor()
    except ProofFailed as error:
        send(Unfit(str(error)))
        return 1
    send(Ready(name, device.name, device.threads))
    Loop(name, device, Models(catalog, device, floor), inbox, send).run()
    return 0


class Loop:
    """Draws jobs in the order they came, one at a time.

    Args:
        name, device: as told with each result.
        models: what it draws with.
        inbox: the parent's messages.
        send: gives the parent a message.
    """

    def __init__(
        self, name: str, device: Device, models: Models, inbox: Inbox, send: Callable[[FromWorker], None]
    ) -> None:
        self._name = name
        self._device = device
        self._models = models
        self._inbox = inbox
        self._send = send
        self._waiting: deque[GenerationRequest] = deque()
        self._job: Job | None = None

    def run(self) -> None:
        """Work until Stop comes or the parent is gone."""
        while self._drain():
            if self._job is None:
                self._admit()
            else:
                self._step(self._job)

    def _drain(self) -> bool:
        """Take all messages that are there, waiting for one when there is nothing to draw. Return whether to go on."""
        while not (self._job or self._waiting) or not self._inbox.empty():
            message = self._inbox.get()
            if message is None:
                return False
            if isinstance(message, Stop):
                self._cancel_all()
                return False
            self._take(message)
        return True

    def _take(self, message: ToWorker) -> None:
        match message:
            case Draw(request):
                self._waiting.append(request)
            case Cancel(job_id):
                self._cancel(job_id)

    def _cancel(self, job_id: str) -> None:
        if self._job and self._job.request.job_id == job_id:
            self._job = None
        elif found := next((request for request in self._waiting if request.job_id == job_id), None):
            self._waiting.remove(found)
        else:
            return
        self._send(JobCancelled(job_id))

    def _cancel_all(self) -> None:
        running = [self._job.request] if self._job else []
        for request in (*running, *self._waiting):
            self._cancel(request.job_id)

    def _admit(self) -> None:
        request = self._waiting.popleft()
        self._send(JobStarted(request.job_id))
        started = time.monotonic()
        try:
            self._job = begin_job(request, self._models.get(request.recipe.model), started)
        except Exception as error:
            self._fail(request.job_id, error)

    def _step(self, job: Job) -> None:
        job_id = job.request.job_id
        try:
            if batch := job.pack():
                job.advance(batch)
                self._send(JobProgress(job_id, job.step, job.total, job.preview()))
            job.detach()
            if job.finished:
                self._finish(job)
        except BrokenPipeError:
            raise
        except Exception as error:
            self._fail(job_id, error)

    def _finish(self, job: Job) -> None:
        message = JobFinished(job.request.job_id, job.images(), job.grid(), self._facts(job))
        self._job = None
        self._send(message)

    def _fail(self, job_id: str, error: Exception) -> None:
        self._job = None
        if not isinstance(error, EngineError):
            _log.error("job %s failed", job_id, exc_info=error)
            error = GenerationFailed(one_line(error))
        self._send(JobFailed(job_id, error.code, error.to_data()))

    def _facts(self, job: Job) -> Facts:
        return Facts(
            worker=self._name,
            device=self._device.name,
            threads=self._device.threads,
            dtype=str(self._device.dtype).removeprefix("torch."),
            versions=tuple((package, version(package)) for package in _VERSIONED),
            seconds=time.monotonic() - job.started,
        )
