"""The jobs that are drawn, and how each of them ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from engine.api import Preview, ReviewedImage
from engine.wire import FromWorker, JobFinished, JobProgress, JobStarted
from engine.worker.admission import Admission
from engine.worker.failures import ends_worker, last_words
from engine.worker.jobs import WorkerJob
from engine.worker.runtime.device import Device
from engine.worker.runtime.faults import ran_out
from engine.worker.sampling.batch import Group, ImageState
from engine.worker.threads.messages import CollectGarbage


class RunningJobs:
    """Which jobs are here, and how many rows a call may have for them. Owned by the step thread.

    Args:
        name, device: as told with each result.
        admission: told when a job does not need its model any more.
        send: gives the parent a message.
    """

    def __init__(self, name: str, device: Device, admission: Admission, send: Callable[[FromWorker], None]) -> None:
        self._name = name
        self._device = device
        self._admission = admission
        self._send = send
        self._jobs: dict[str, WorkerJob] = {}
        self._caps: dict[Group, int] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[WorkerJob]:
        """In the order they joined, as they are now."""
        return iter(tuple(self._jobs.values()))

    def __contains__(self, job: WorkerJob) -> bool:
        return self._jobs.get(job.job_id) is job

    def get(self, job_id: str) -> WorkerJob | None:
        """Return a job that is here."""
        return self._jobs.get(job_id)

    @property
    def image_states(self) -> list[ImageState]:
        """The images of all jobs."""
        return [image for job in self._jobs.values() for image in job.image_states]

    @property
    def caps(self) -> Mapping[Group, int]:
        """The most rows of a call for groups that had too many, until their last image leaves."""
        return self._caps

    def lower_cap(self, group: Group, rows: int) -> None:
        """Have calls for a group's images make do with so many rows."""
        self._caps[group] = rows

    def join(self, job: WorkerJob) -> None:
        """Take in a job that is prepared."""
        self._jobs[job.job_id] = job
        self._send(JobStarted(job.job_id))

    def tell_progress(self, job: WorkerJob, preview: Preview | None = None) -> None:
        """Tell how far a drawing is, and perhaps what it looks like."""
        self._send(JobProgress(job.job_id, job.step, job.total, preview))

    def finish(self, job: WorkerJob, grid: ReviewedImage | None) -> None:
        """End a job with its results."""
        self.leave(job)
        self._send(JobFinished(job.job_id, job.images(), grid, job.facts(self._name, self._device)))

    def fail(self, job: WorkerJob, error: Exception) -> None:
        """End a job with an error. Raises it if the worker cannot go on."""
        self.leave(job)
        self.tell_failure(job.job_id, error)
        if ran_out(error):
            error.__traceback__ = None  # it holds what was computed so far
            self._admission.evict_idle_models(CollectGarbage())

    def tell_failure(self, job_id: str, error: Exception) -> None:
        """Tell why a job ended that is not here, or not any more. Raises it if the worker cannot go on."""
        for message in last_words(job_id, error):
            self._send(message)
        if ends_worker(error):
            raise error

    def leave(self, job: WorkerJob) -> None:
        """End a job without a word; what it held is free."""
        del self._jobs[job.job_id]
        job.close_previews()
        if job.enlargement and job.enlargement.under_way:
            job.enlargement.unwanted.set()
        else:
            self._admission.left(job.request)
        groups = {image.group for image in self.image_states}
        self._caps = {group: cap for group, cap in self._caps.items() if group in groups}
