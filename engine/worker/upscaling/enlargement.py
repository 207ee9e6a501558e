"""One picture being made larger, on a service thread of its own while the step thread draws."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from PIL import Image

from engine.api import Recipe
from engine.worker.runtime.channel import Inbox, ThreadAnswer
from engine.worker.runtime.service_thread import ServiceThread
from engine.worker.upscaling.upscalers import Enlarged, LoadedUpscaler


class Unwanted(Exception):
    """The job is over; nobody wants the rest of its picture."""


@dataclass(slots=True, eq=False)
class Enlargement:
    """A picture and what is to make it larger.

    Args:
        picture: RGB, allowed by the gate.
        recipe: says how large.
        upscaler: makes it so.
        under_way: whether the service thread is not done with it; owned by the step thread.
        unwanted: set by the step thread when the job is over meanwhile.
    """

    picture: Image.Image
    recipe: Recipe
    upscaler: LoadedUpscaler
    under_way: bool = False
    unwanted: threading.Event = field(default_factory=threading.Event)


class Enlarging:
    """The step thread's way to the service thread that makes pictures larger.

    Args:
        thread: does it, one picture after the other.
        inbox: the step thread's; progress comes through it.
    """

    def __init__(self, thread: ServiceThread, inbox: Inbox) -> None:
        self._thread = thread
        self._inbox = inbox

    def begin(
        self,
        enlargement: Enlargement,
        progress: Callable[[int, int], None],
        take: Callable[[Enlarged], None],
        fail: Callable[[Exception], None],
    ) -> None:
        """Have a picture made larger.

        Args:
            enlargement: which.
            progress: told on the step thread how many tiles or steps are done, of how many.
            take: given the result on the step thread.
            fail: given instead what went wrong; Unwanted if it ended early.
        """
        enlargement.under_way = True

        def watch(done: int, total: int) -> None:
            if enlargement.unwanted.is_set():
                raise Unwanted
            self._inbox.put(ThreadAnswer(partial(progress, done, total)))

        self._thread.submit(
            lambda: enlargement.upscaler.enlarge(enlargement.picture, enlargement.recipe, watch), take, fail
        )
