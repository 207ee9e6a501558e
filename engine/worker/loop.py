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
from typing import NoReturn, TypeVar

import torch

from engine.api import Fault, GenerationRequest, ImageResult, Preview, ReviewedImage
from engine.catalog import Catalog
from engine.wire import (
    Cancel,
    Draw,
    FromWorker,
    JobCancelled,
    JobFinished,
    JobProgress,
    JobStarted,
    Leaving,
    Prefetch,
    Ready,
    Stop,
    ToWorker,
    Unfit,
)
from engine.worker.admission import Admission
from engine.worker.failures import ends_worker, last_words
from engine.worker.jobs import WorkerJob, warm_up
from engine.worker.loading.kept import ProofFile
from engine.worker.loading.model_cache import ModelCache
from engine.worker.runtime.channel import Inbox, ThreadAnswer
from engine.worker.runtime.device import Device
from engine.worker.runtime.faults import one_line, ran_out
from engine.worker.runtime.service_thread import ServiceThread, open_service_thread
from engine.worker.safety import Detector, DetectorHung, Identify, ProofFailed, Review, identify, load_floor
from engine.worker.sampling.batch import Batch, Group, ImageState, decode, pack
from engine.worker.sampling.drafts import Unfinished
from engine.worker.sampling.step_fairness import StepFairness
from engine.worker.sampling.steps import advance
from engine.worker.upscaling.enlargement import Enlargement, Enlarging
from engine.worker.upscaling.upscalers import Enlarged

PREVIEWS_WAITING = 4
"""Previews of one job that may wait for their review; with more jobs, fewer of each: pictures come first."""

Result = TypeVar("Result")

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
        prepare_thread: ServiceThread,
        fetch_thread: ServiceThread,
        review_thread: ServiceThread,
        enlarge_thread: ServiceThread,
    ) -> None:
        self._name = name
        self._device = device
        self._inbox = inbox
        self._send = send
        self._admission = Admission(models, prepare_thread, fetch_thread, self._join, self._tell_failure, send)
        self._review_thread = review_thread
        self._enlarging = Enlarging(enlarge_thread, inbox)
        self._jobs: dict[str, WorkerJob] = {}
        self._caps: dict[Group, int] = {}
        self._step_fairness = StepFairness()

    def run(self) -> None:
        """Work until Stop comes or the parent is gone."""
        self._inbox.hand_draws_to(self._prepare_early)
        try:
            while self._drain():
                self._go_on()
        finally:
            self._inbox.hand_draws_to(None)

    def _drain(self) -> bool:
        """Take all messages that are there, waiting for one when there is nothing to draw. Return whether to go on."""
        while not self._busy() or not self._inbox.empty():
            if not self._jobs and self._inbox.empty():
                self._admission.use_idle_time()
            if not self._take(self._inbox.get()):
                return False
        return True

    def _go_on(self) -> None:
        """Make a UNet call, if there is anything to denoise, and decode an image, if one is denoised."""
        if batch := pack(self._step_fairness.in_turn(self._jobs.values()), self._device.rows, self._caps):
            self._step(batch)
        self._detach()

    def _busy(self) -> bool:
        return any(not image.decoded for image in self._drawings())

    def _drawings(self) -> list[ImageState]:
        return [image for job in self._jobs.values() for image in job.image_states]

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
                message.open()
        return True

    def _prepare_early(self, request: GenerationRequest) -> None:
        """Have a job prepared while a UNet call is under way. On the thread that hears the parent."""
        self._inbox.put(ThreadAnswer(partial(self._admission.expect, request)))
        self._admission.begin(request)

    def _cancel(self, job_id: str) -> None:
        if job := self._jobs.get(job_id):
            self._leave(job)
        elif not self._admission.cancel(job_id):
            return
        self._send(JobCancelled(job_id))

    def _cancel_all(self) -> None:
        for job_id in (*self._jobs, *self._admission.job_ids):
            self._cancel(job_id)

    def _join(self, job: WorkerJob) -> None:
        self._jobs[job.job_id] = job
        self._send(JobStarted(job.job_id))
        if job.enlargement:
            self._enlarge(job, job.enlargement)

    def _step(self, batch: Batch) -> None:
        """Take a batch one step further, or lower the cap, so that the next step tries with fewer rows."""
        try:
            advance(batch)
        except Exception as error:
            if ran_out(error):
                self._lower_cap(batch, error)
            else:
                self._isolate_failing_job(batch, error)
        else:
            jobs = self._jobs_in(batch)
            self._step_fairness.count(batch, jobs)
            for job in jobs:
                job.bucket = max(job.bucket, batch.rows)
                self._send(JobProgress(job.job_id, job.step, job.total))
                self._maybe_preview(job)

    def _jobs_in(self, batch: Batch) -> list[WorkerJob]:
        image_states = set(batch.image_states)
        return [job for job in self._jobs.values() if not image_states.isdisjoint(job.image_states)]

    def _lower_cap(self, batch: Batch, error: Exception) -> None:
        error.__traceback__ = None  # it holds the step's tensors
        first = batch.image_states[0]
        if batch.rows <= first.rows and self._drop_previews():
            _log.warning("a step of one image ran out of memory; there are no more previews of what is drawn now")
        elif batch.rows <= first.rows:
            _log.error("a step of one image ran out of memory")
            self._fail(self._jobs_in(batch)[0], error)
        else:
            self._caps[first.group] = batch.rows // 2
            _log.warning("a step of %d rows ran out of memory; at most %d from now on", batch.rows, batch.rows // 2)
        self._admission.evict_idle_models(lambda: None)
        if self._device.where.type == "cuda":
            torch.cuda.empty_cache()

    def _drop_previews(self) -> bool:
        """Make no more previews of the jobs that are here, and tell whether any were still to be made."""
        makers = [job for job in self._jobs.values() if job.previews is not None and not job.previews.over]
        for job in makers:
            job.close_previews()
        return bool(makers)

    def _isolate_failing_job(self, batch: Batch, error: Exception) -> None:
        """Fail the job whose images raise by themselves; the others have their step."""
        jobs = self._jobs_in(batch)
        if len(jobs) == 1:
            self._fail(jobs[0], error)
            return
        for job in jobs:
            own = [image for image in batch.image_states if image in job.image_states]
            if alone := pack(own, self._device.rows, self._caps):
                self._step(alone)

    def _maybe_preview(self, job: WorkerJob) -> None:
        if all(image.denoised for image in job.image_states):
            job.close_previews()
        busy = self._review_thread.waiting >= max(1, PREVIEWS_WAITING // len(self._jobs))
        if not job.take_look() or (busy and job.shows_drafts):  # the first look costs little, and drafts rest on it
            return
        assert job.previews is not None
        images = [Unfinished.of(image) for image in job.image_states]
        look = partial(job.previews.look, job.step, images, drafts=job.shows_drafts)
        self._ask_review(look, job, self._shown, final=False)

    def _shown(self, job: WorkerJob, preview: Preview | None) -> None:
        if preview is not None:
            self._send(JobProgress(job.job_id, job.step, job.total, preview))

    def _detach(self) -> None:
        """Decode one denoised image, if there is one: not more, so that the others' next step is not held up."""
        for job in self._jobs.values():
            for index, image in enumerate(job.image_states):
                if image.denoised and not image.decoded:
                    self._decode(job, index, image)
                    return

    def _decode_again(self, job: WorkerJob, index: int, image: ImageState) -> None:
        if self._is_alive(job):
            self._decode(job, index, image, again=True)

    def _decode(self, job: WorkerJob, index: int, image: ImageState, again: bool = False) -> None:
        """Decode an image; if memory runs out, once more when the models that nothing is drawn with have left."""
        image.decoded = True
        try:
            pixels = decode(image)
        except Exception as error:
            if not ran_out(error) or again:
                self._fail(job, error)
                return
            error.__traceback__ = None  # it holds what was decoded so far
            _log.warning("decoding ran out of memory")
            self._admission.evict_idle_models(partial(self._decode_again, job, index, image))
        else:
            review = partial(job.model.gate.review, pixels, image.latents, job.wrapping(index))
            self._ask_review(review, job, partial(self._reviewed, index))

    def _enlarge(self, job: WorkerJob, enlargement: Enlargement, again: bool = False) -> None:
        """Have a picture made larger; if memory runs out, once more as in `_decode`."""
        take = partial(self._enlarged, job, enlargement)
        fail = partial(self._not_enlarged, job, enlargement, again)
        self._enlarging.begin(enlargement, partial(self._tell_progress, job), take, fail)

    def _tell_progress(self, job: WorkerJob, step: int, total: int) -> None:
        if self._is_alive(job):
            self._send(JobProgress(job.job_id, step, total))

    def _enlarged(self, job: WorkerJob, enlargement: Enlargement, enlarged: Enlarged) -> None:
        if self._is_wanted(job, enlargement):
            review = partial(job.model.gate.review, enlarged.pixels, enlarged.latents, job.wrapping(0))
            self._ask_review(review, job, partial(self._reviewed, 0))

    def _not_enlarged(self, job: WorkerJob, enlargement: Enlargement, again: bool, error: Exception) -> None:
        if ran_out(error):
            error.__traceback__ = None  # it holds what was computed so far
            if not again and self._is_alive(job):
                _log.warning("making a picture larger ran out of memory")
                self._admission.evict_idle_models(partial(self._enlarge, job, enlargement, again=True))
                return
        if self._is_wanted(job, enlargement):
            self._fail(job, error)

    def _is_wanted(self, job: WorkerJob, enlargement: Enlargement) -> bool:
        """Note that the service thread is done with a picture, and say whether its job still wants it."""
        enlargement.under_way = False
        if not self._is_alive(job):
            self._admission.left(job.request)
            return False
        return True

    def _reviewed(self, index: int, job: WorkerJob, review: Review) -> None:
        if review.fault is Fault.NOT_FINITE and job.widen(index):
            self._decode(job, index, job.image_states[index])
            return
        job.results[index] = ImageResult(index, review.verdict, review.reason, review.image, review.fault)
        if not job.finished:
            return
        if len(job.allowed()) > 1:
            self._ask_review(job.grid, job, self._finish)
        else:
            self._finish(job, None)

    def _ask_review(
        self,
        work: Callable[[], Result],
        job: WorkerJob,
        take: Callable[[WorkerJob, Result], None],
        *,
        final: bool = True,
        again: bool = False,
    ) -> None:
        """Have the service thread look at something of a job; whatever it says is lost if the job has ended.

        Args:
            work: looks at it.
            job: whose it is.
            take: takes what is said.
            final: whether the job ends if that fails: with a preview it does not.
            again: whether memory ran out before; once it is tried again without the models that nothing uses.
        """

        def if_alive(result: Result) -> None:
            if self._is_alive(job):
                take(job, result)

        def fail(error: Exception) -> None:
            if isinstance(error, DetectorHung):
                self._end_hung(job, error, final)
            elif not final and not ends_worker(error):
                _log.warning("job %s has no more previews: %s", job.job_id, one_line(error))
                job.close_previews()
                if self._is_alive(job):
                    self._shown(job, Preview(job.step, None))
            elif self._is_alive(job) and ran_out(error) and not again:
                error.__traceback__ = None  # it holds what was computed so far
                _log.warning("a review ran out of memory")
                self._admission.evict_idle_models(partial(self._ask_review, work, job, take, again=True))
            elif self._is_alive(job):
                self._fail(job, error)

        self._review_thread.submit(work, if_alive, fail)

    def _is_alive(self, job: WorkerJob) -> bool:
        return self._jobs.get(job.job_id) is job

    def _finish(self, job: WorkerJob, grid: ReviewedImage | None) -> None:
        self._leave(job)
        self._send(JobFinished(job.job_id, job.images(), grid, job.facts(self._name, self._device)))

    def _end_hung(self, job: WorkerJob, error: DetectorHung, final: bool) -> NoReturn:
        """End the worker, because a detector hung over a job; the job keeps what is judged already."""
        grid = None
        if is_last := final and self._is_alive(job):
            job.give_up(Fault.DETECTOR_HUNG, str(error))
            grid = job.grid()  # now: once the parent knows, it does not wait for long
        self._send(Leaving(job.job_id, str(error)))
        if is_last:
            self._finish(job, grid)
        raise error

    def _fail(self, job: WorkerJob, error: Exception) -> None:
        self._leave(job)
        self._tell_failure(job.job_id, error)
        if ran_out(error):
            error.__traceback__ = None  # it holds what was computed so far
            self._admission.evict_idle_models(_collect)

    def _leave(self, job: WorkerJob) -> None:
        del self._jobs[job.job_id]
        job.close_previews()
        if job.enlargement and job.enlargement.under_way:
            job.enlargement.unwanted.set()
        else:
            self._admission.left(job.request)
        groups = {image.group for image in self._drawings()}
        self._caps = {group: cap for group, cap in self._caps.items() if group in groups}

    def _tell_failure(self, job_id: str, error: Exception) -> None:
        for message in last_words(job_id, error):
            self._send(message)
        if ends_worker(error):
            raise error


def _collect() -> None:
    """Give back what an error's frames held."""
    gc.collect()
