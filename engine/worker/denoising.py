"""The steps: who is in the next UNet call, and what becomes of a call that fails."""

from __future__ import annotations

import logging

import torch

from engine.worker.admission import Admission
from engine.worker.jobs import WorkerJob
from engine.worker.reviewing import Reviewing
from engine.worker.running_jobs import RunningJobs
from engine.worker.runtime.device import Device
from engine.worker.runtime.faults import ran_out
from engine.worker.sampling.batch import Batch, pack
from engine.worker.sampling.step_fairness import StepFairness
from engine.worker.sampling.steps import advance
from engine.worker.threads.messages import Done

_log = logging.getLogger(__name__)


class Denoising:
    """Takes the images of all jobs step by step. Owned by the step thread.

    Args:
        device: what it draws on.
        running: the jobs.
        admission: evicts models when memory runs out.
        reviewing: has previews made.
    """

    def __init__(self, device: Device, running: RunningJobs, admission: Admission, reviewing: Reviewing) -> None:
        self._device = device
        self._running = running
        self._admission = admission
        self._reviewing = reviewing
        self._step_fairness = StepFairness()

    def step(self) -> None:
        """Make a UNet call, if there is anything to denoise."""
        if batch := pack(self._step_fairness.in_turn(self._running), self._device.rows, self._running.caps):
            self._step(batch)

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
                self._running.tell_progress(job)
                self._reviewing.preview(job)

    def _jobs_in(self, batch: Batch) -> list[WorkerJob]:
        image_states = set(batch.image_states)
        return [job for job in self._running if not image_states.isdisjoint(job.image_states)]

    def _lower_cap(self, batch: Batch, error: Exception) -> None:
        error.__traceback__ = None  # it holds the step's tensors
        first = batch.image_states[0]
        if batch.rows <= first.rows and self._drop_previews():
            _log.warning("a step of one image ran out of memory; there are no more previews of what is drawn now")
        elif batch.rows <= first.rows:
            _log.error("a step of one image ran out of memory")
            self._running.fail(self._jobs_in(batch)[0], error)
        else:
            self._running.lower_cap(first.group, batch.rows // 2)
            _log.warning("a step of %d rows ran out of memory; at most %d from now on", batch.rows, batch.rows // 2)
        self._admission.evict_idle_models(Done())
        if self._device.where.type == "cuda":
            torch.cuda.empty_cache()

    def _drop_previews(self) -> bool:
        """Make no more previews of the jobs that are here, and tell whether any were still to be made."""
        makers = [job for job in self._running if job.previews is not None and not job.previews.over]
        for job in makers:
            job.close_previews()
        return bool(makers)

    def _isolate_failing_job(self, batch: Batch, error: Exception) -> None:
        """Fail the job whose images raise by themselves; the others have their step."""
        jobs = self._jobs_in(batch)
        if len(jobs) == 1:
            self._running.fail(jobs[0], error)
            return
        for job in jobs:
            own = [image for image in batch.image_states if image in job.image_states]
            if alone := pack(own, self._device.rows, self._running.caps):
                self._step(alone)
