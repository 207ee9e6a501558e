"""The worker's loop: drain messages -> admit -> pack -> UNet and scheduler steps -> detach what is finished.

One thread, the step thread, owns everything here. It looks at its messages before every UNet call, so that a cancel
and a newcomer wait for one call at most. Four service threads work aside from it: one prepares jobs, one loads models
ahead, one reviews pictures, one makes pictures larger.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from functools import partial
from typing import assert_never

from engine.api import GenerationRequest
from engine.catalog import Catalog
from engine.wire import Cancel, Draw, FromWorker, JobCancelled, Prefetch, Ready, Stop, ToWorker, Unfit
from engine.worker.admission import Admission
from engine.worker.denoising import Denoising
from engine.worker.enlarging import Enlarging
from engine.worker.jobs import WorkerJob, warm_up
from engine.worker.loading.kept import ProofFile
from engine.worker.loading.model_cache import ModelCache
from engine.worker.reviewing import Reviewing
from engine.worker.running_jobs import RunningJobs
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.runtime.messages import ThreadAnswer, ThreadEnded, Unexpected
from engine.worker.runtime.service_thread import ServiceQueue, open_service_thread
from engine.worker.safety import Detector, DetectorHung, Identify, ProofFailed, identify, load_floor
from engine.worker.threads.enlarger import Enlarger
from engine.worker.threads.messages import (
    CollectGarbage,
    DecodeAgain,
    Done,
    EnlargeAgain,
    EnlargeProgress,
    EnlargeTask,
    GridMade,
    JobComing,
    JobNotPrepared,
    JobPrepared,
    LoadingPlanned,
    ModelFetched,
    ModelNotReady,
    NotEnlarged,
    PictureEnlarged,
    PictureReviewed,
    PrefetchEnded,
    PreviewMade,
    ReviewAgain,
    ReviewFailed,
    RowsProven,
    ThreadMessage,
    WithModels,
)
from engine.worker.threads.preparer import Preparer

_log = logging.getLogger(__name__)


def run_worker(
    name: str,
    device: Device,
    catalog: Catalog,
    inbox: Inbox,
    send: Callable[[FromWorker], None],
    open_floor: Callable[[], Detector] = load_floor,
    identify: Identify = identify,
    proof_file: ProofFile | None = None,
) -> int:
    """Prove the gate's floor, then draw until told to stop; return the process's exit code.

    Args:
        name: of this worker.
        device: what it draws on.
        catalog: which models there are.
        inbox: the parent's messages; None when the parent is gone.
        send: gives the parent a message.
        open_floor: loads and proves the classifier under every gate.
        identify: tells what a model's own safety checker has to be.
        proof_file: keeps which numbers of rows were proven; None to prove them each time.
    """
    try:
        floor = open_floor()
    except ProofFailed as error:
        send(Unfit(str(error)))
        return 1
    send(Ready(name, device.name, device.threads, device.rows))
    try:
        models = ModelCache(catalog, device, floor, identify, proof_file=proof_file, warm_up=warm_up)
        draw_until_stopped(name, device, models, inbox, send)
    except DetectorHung as error:
        _log.error("the worker ends, and another is to take its place: %s", error)
        return 1
    return 0


def draw_until_stopped(
    name: str, device: Device, models: ModelCache, inbox: Inbox, send: Callable[[FromWorker], None]
) -> None:
    """Open the service threads and run the loop; the arguments are the loop's.

    Raises:
        DetectorHung: a detector does not answer any more, and only the end of this process ends it.
    """
    open_thread = partial(open_service_thread, inbox=inbox, threads=device.threads)
    with (
        open_thread("prepares") as prepare_thread,
        open_thread("fetches") as fetch_thread,
        open_thread("reviews") as review_thread,
        open_thread("enlarges") as last,
    ):
        Loop(name, device, models, inbox, send, prepare_thread, fetch_thread, review_thread, last).run()


class Loop:
    """Draws many jobs at once, their images in shared UNet calls.

    Args:
        name, device: as told with each result.
        models: what it draws with; touched by the thread that prepares alone.
        inbox: the parent's messages and the service threads' answers.
        send: gives the parent a message.
        prepare_thread: brings models to the device, encodes prompts, draws initial noise.
        fetch_thread: loads models ahead.
        review_thread: judges and encodes previews and pictures; gates are asked about uploads on `prepare_thread`.
        enlarge_thread: makes pictures larger.
    """

    def __init__(
        self,
        name: str,
        device: Device,
        models: ModelCache,
        inbox: Inbox,
        send: Callable[[FromWorker], None],
        prepare_thread: ServiceQueue,
        fetch_thread: ServiceQueue,
        review_thread: ServiceQueue,
        enlarge_thread: ServiceQueue,
    ) -> None:
        self._inbox = inbox
        self._send = send
        self._admission = Admission(Preparer(models), prepare_thread, fetch_thread, send)
        self._running = RunningJobs(name, device, self._admission, send)
        self._reviewing = Reviewing(self._running, self._admission, review_thread, send)
        self._enlarging = Enlarging(
            self._running, self._admission, self._reviewing, Enlarger(inbox), enlarge_thread, send
        )
        self._denoising = Denoising(device, self._running, self._admission, self._reviewing)

    def run(self) -> None:
        """Work until Stop comes or the parent is gone."""
        self._inbox.hand_draws_to(self._prepare_early)
        try:
            while self._drain():
                self._denoising.step()
                self._reviewing.decode_one()
        finally:
            self._inbox.hand_draws_to(None)

    def _drain(self) -> bool:
        """Take all messages that are there, waiting for one when there is nothing to draw. Return whether to go on."""
        while not self._busy() or not self._inbox.empty():
            if not self._running and self._inbox.empty():
                self._admission.use_idle_time()
            if not self._take(self._inbox.get()):
                return False
        return True

    def _busy(self) -> bool:
        return any(not image.decoded for image in self._running.image_states)

    def _prepare_early(self, request: GenerationRequest) -> None:
        """Have a job prepared while a UNet call is under way. On the thread that hears the parent."""
        self._inbox.put(ThreadAnswer(JobComing(request)))
        self._admission.begin(request)

    def _take(self, message: ToWorker | ThreadAnswer | None) -> bool:
        """Do as a message says. Return whether to go on."""
        match message:
            case None:
                return False
            case Stop():
                self._cancel_all()
                return False
            case Draw(request):
                self._admission.expect(request)
                self._admission.begin(request)
            case Cancel(job_id):
                self._cancel(job_id)
            case Prefetch(model):
                self._admission.prefetch(model)
            case ThreadAnswer():
                self._hear(message.take())
        return True

    def _hear(self, message: ThreadMessage) -> None:
        """Take what one of the worker's own threads says."""
        match message:
            case WithModels(loaded, answer):
                self._admission.models_are(loaded)
                self._hear(answer)
            case JobComing(request):
                self._admission.expect(request)
            case JobPrepared(request, job):
                self._join_if_wanted(request, job)
            case ModelNotReady(request):
                self._admission.load_and_begin(request)
            case JobNotPrepared(request, error):
                if self._admission.not_prepared(request, error):
                    self._running.tell_failure(request.job_id, error)
            case LoadingPlanned(model, load):
                self._admission.fetch(model, load)
            case ModelFetched(model, parts):
                self._admission.keep(model, parts)
            case PrefetchEnded(model, outcome):
                self._admission.fetched(model, outcome)
            case RowsProven(went_on):
                self._admission.proved(went_on)
            case PictureReviewed(job, index, review):
                self._reviewing.picture_reviewed(job, index, review)
            case GridMade(job, grid):
                self._reviewing.grid_made(job, grid)
            case PreviewMade(job, preview):
                self._reviewing.preview_made(job, preview)
            case ReviewFailed(review_task, error):
                self._reviewing.failed(review_task, error)
            case DecodeAgain(job, index):
                self._reviewing.decode_again(job, index)
            case ReviewAgain(review_task):
                self._reviewing.submit(review_task)
            case EnlargeProgress(task, done, total):
                self._enlarging.advanced(task, done, total)
            case PictureEnlarged(task, enlarged):
                self._enlarging.enlarged(task, enlarged)
            case NotEnlarged(task, error):
                self._enlarging.failed(task, error)
            case EnlargeAgain(task):
                self._enlarging.submit(task)
            case Done():
                pass
            case CollectGarbage():
                gc.collect()
            case Unexpected(error):
                raise error
            case ThreadEnded(end):
                raise RuntimeError("a service thread cannot go on") from end
            case _:
                assert_never(message)

    def _join_if_wanted(self, request: GenerationRequest, job: WorkerJob) -> None:
        if not self._admission.prepared(request, job):
            return
        self._running.join(job)
        if job.enlargement:
            self._enlarging.submit(EnlargeTask(job, job.enlargement))

    def _cancel(self, job_id: str) -> None:
        if job := self._running.get(job_id):
            self._running.leave(job)
        elif not self._admission.cancel(job_id):
            return
        self._send(JobCancelled(job_id))

    def _cancel_all(self) -> None:
        for job_id in (*(job.job_id for job in self._running), *self._admission.job_ids):
            self._cancel(job_id)
