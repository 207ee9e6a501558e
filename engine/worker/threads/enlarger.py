"""What runs on the service thread `enlarges`."""

from __future__ import annotations

from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.messages import ThreadAnswer
from engine.worker.threads.messages import EnlargeProgress, EnlargeTask, PictureEnlarged


class Unwanted(Exception):
    """The job is over; nobody wants the rest of its picture."""


class Enlarger:
    """Makes pictures larger. Called on the service thread `enlarges` alone.

    Args:
        inbox: the step thread's; progress comes through it.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def enlarge(self, task: EnlargeTask) -> PictureEnlarged:
        """Make a picture larger, telling after each tile or step how far it is.

        Raises:
            Unwanted: the job is over meanwhile.
        """
        enlargement = task.enlargement

        def watch(done: int, total: int) -> None:
            if enlargement.unwanted.is_set():
                raise Unwanted
            self._inbox.put(ThreadAnswer(EnlargeProgress(task, done, total)))

        return PictureEnlarged(task, enlargement.upscaler.enlarge(enlargement.picture, enlargement.recipe, watch))
