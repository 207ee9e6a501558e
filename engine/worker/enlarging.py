"""Pictures that are made larger beside what is drawn: what the step thread asks of the thread that does it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from engine.wire import FromWorker, JobProgress
from engine.worker.admission import Admission
from engine.worker.reviewing import Reviewing
from engine.worker.running_jobs import RunningJobs
from engine.worker.runtime.faults import ran_out
from engine.worker.runtime.service_thread import ServiceQueue
from engine.worker.threads.enlarger import Enlarger
from engine.worker.threads.messages import EnlargeAgain, EnlargeTask, NotEnlarged
from engine.worker.upscaling.upscalers import Enlarged

_log = logging.getLogger(__name__)


class Enlarging:
    """Has pictures made larger, one after the other, and then reviewed. Owned by the step thread.

    Args:
        running: the jobs.
        admission: evicts models when memory runs out, and is told when a job that ended meanwhile is let go of.
        reviewing: takes what is made.
        enlarger: called on `thread` alone.
        thread: does the work.
        send: gives the parent a message.
    """

    def __init__(
        self,
        running: RunningJobs,
        admission: Admission,
        reviewing: Reviewing,
        enlarger: Enlarger,
        thread: ServiceQueue,
        send: Callable[[FromWorker], None],
    ) -> None:
        self._running = running
        self._admission = admission
        self._reviewing = reviewing
        self._enlarger = enlarger
        self._thread = thread
        self._send = send

    def submit(self, task: EnlargeTask) -> None:
        """Have a picture made larger."""
        task.enlargement.under_way = True
        self._thread.submit(partial(self._enlarger.enlarge, task), partial(NotEnlarged, task))

    def advanced(self, task: EnlargeTask, done: int, total: int) -> None:
        """Tell the parent how many tiles or steps are done, of how many."""
        if task.job in self._running:
            self._send(JobProgress(task.job.job_id, done, total))

    def enlarged(self, task: EnlargeTask, enlarged: Enlarged) -> None:
        """Have what was made judged, if it is still wanted."""
        if self._is_wanted(task):
            self._reviewing.review(task.job, 0, enlarged.pixels, enlarged.latents)

    def failed(self, task: EnlargeTask, error: Exception) -> None:
        """End the job; if memory ran out, try once more when the models that nothing is drawn with have left."""
        if ran_out(error):
            error.__traceback__ = None  # it holds what was computed so far
            if not task.again and task.job in self._running:
                _log.warning("making a picture larger ran out of memory")
                self._admission.evict_idle_models(EnlargeAgain(EnlargeTask(task.job, task.enlargement, again=True)))
                return
        if self._is_wanted(task):
            self._running.fail(task.job, error)

    def _is_wanted(self, task: EnlargeTask) -> bool:
        """Note that the service thread is done with a picture, and say whether its job still wants it."""
        task.enlargement.under_way = False
        if task.job not in self._running:
            self._admission.left(task.job.request)
            return False
        return True
