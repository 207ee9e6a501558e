"""From denoised images to a job's results, and the previews before: what the step thread asks the gates for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NoReturn

from torch import Tensor

from engine.api import Fault, ImageResult, Preview, ReviewedImage
from engine.wire import FromWorker, Leaving
from engine.worker.admission import Admission
from engine.worker.failures import ends_worker
from engine.worker.jobs import WorkerJob
from engine.worker.running_jobs import RunningJobs
from engine.worker.runtime.faults import one_line, ran_out
from engine.worker.runtime.service_thread import ServiceQueue
from engine.worker.safety import DetectorHung, Review
from engine.worker.sampling.batch import decode
from engine.worker.sampling.drafts import Unfinished
from engine.worker.threads.messages import (
    DecodeAgain,
    GridReview,
    PictureReview,
    PreviewReview,
    ReviewAgain,
    ReviewFailed,
    ReviewTask,
)
from engine.worker.threads.reviewer import review

PREVIEWS_WAITING = 4
"""Previews of one job that may wait for their review; with more jobs, fewer of each: pictures come first."""

_log = logging.getLogger(__name__)


class Reviewing:
    """Decodes images, has them and previews reviewed, and ends jobs whose images have their results.

    Owned by the step thread. The loop gives it the answers; whatever they say is lost if the job has ended.

    Args:
        running: the jobs.
        admission: evicts models when memory runs out; then it is tried once more.
        thread: judges and encodes previews and pictures.
        send: gives the parent a message.
    """

    def __init__(
        self, running: RunningJobs, admission: Admission, thread: ServiceQueue, send: Callable[[FromWorker], None]
    ) -> None:
        self._running = running
        self._admission = admission
        self._thread = thread
        self._send = send

    def decode_one(self) -> None:
        """Decode one denoised image, if there is one: not more, so that the others' next step is not held up."""
        for job in self._running:
            for index, image in enumerate(job.image_states):
                if image.denoised and not image.decoded:
                    self._decode(job, index)
                    return

    def decode_again(self, job: WorkerJob, index: int) -> None:
        """Decode an image for which memory ran out, now that idle models have left."""
        if job in self._running:
            self._decode(job, index, again=True)

    def review(self, job: WorkerJob, index: int, pixels: Tensor, latents: Tensor) -> None:
        """Have a picture judged, and made a file of."""
        self.submit(PictureReview(job, index, pixels, latents))

    def preview(self, job: WorkerJob) -> None:
        """After a step, have a job's unfinished images looked at if it is time."""
        if all(image.denoised for image in job.image_states):
            job.close_previews()
        busy = self._thread.waiting >= max(1, PREVIEWS_WAITING // len(self._running))
        if not job.take_look() or (busy and job.shows_drafts):  # the first look costs little, and drafts rest on it
            return
        images = [Unfinished.of(image) for image in job.image_states]
        self.submit(PreviewReview(job, job.step, images, job.shows_drafts))

    def submit(self, task: ReviewTask) -> None:
        """Have something of a job looked at."""
        self._thread.submit(partial(review, task), partial(ReviewFailed, task))

    def picture_reviewed(self, job: WorkerJob, index: int, review: Review) -> None:
        """Take what became of a picture; after the last of a job put its grid together, or end it."""
        if job not in self._running:
            return
        if review.fault is Fault.NOT_FINITE and job.widen(index):
            self._decode(job, index)
            return
        job.results[index] = ImageResult(index, review.verdict, review.reason, review.image, review.fault)
        if not job.finished:
            return
        if len(job.allowed()) > 1:
            self.submit(GridReview(job))
        else:
            self._running.finish(job, None)

    def grid_made(self, job: WorkerJob, grid: ReviewedImage | None) -> None:
        """End a job."""
        if job in self._running:
            self._running.finish(job, grid)

    def preview_made(self, job: WorkerJob, preview: Preview | None) -> None:
        """Show what may be shown of a job."""
        if job in self._running and preview is not None:
            self._running.tell_progress(job, preview)

    def failed(self, task: ReviewTask, error: Exception) -> None:
        """Take what a review raised. The job ends, unless that was about a preview, or memory may be freed for it."""
        job = task.job
        is_preview = isinstance(task, PreviewReview)
        if isinstance(error, DetectorHung):
            self._end_hung(job, error, final=not is_preview)
        elif is_preview and not ends_worker(error):
            _log.warning("job %s has no more previews: %s", job.job_id, one_line(error))
            job.close_previews()
            self.preview_made(job, Preview(job.step, None))
        elif job in self._running and ran_out(error) and not task.again:
            error.__traceback__ = None  # it holds what was computed so far
            _log.warning("a review ran out of memory")
            self._admission.evict_idle_models(ReviewAgain(replace(task, again=True)))
        elif job in self._running:
            self._running.fail(job, error)

    def _decode(self, job: WorkerJob, index: int, again: bool = False) -> None:
        """Decode an image; if memory runs out, once more when the models that nothing is drawn with have left."""
        image = job.image_states[index]
        image.decoded = True
        try:
            pixels = decode(image)
        except Exception as error:
            if not ran_out(error) or again:
                self._running.fail(job, error)
                return
            error.__traceback__ = None  # it holds what was decoded so far
            _log.warning("decoding ran out of memory")
            self._admission.evict_idle_models(DecodeAgain(job, index))
        else:
            self.review(job, index, pixels, image.latents)

    def _end_hung(self, job: WorkerJob, error: DetectorHung, final: bool) -> NoReturn:
        """End the worker, because a detector hung over a job; the job keeps what is judged already."""
        grid = None
        if is_last := final and job in self._running:
            job.give_up(Fault.DETECTOR_HUNG, str(error))
            grid = job.grid()  # now: once the parent knows, it does not wait for long
        self._send(Leaving(job.job_id, str(error)))
        if is_last:
            self._running.finish(job, grid)
        raise error
