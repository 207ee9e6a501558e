"""How one of the worker's own threads tells the step thread something, and what any service thread may have to say."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any


class TaskCount:
    """How many tasks of a service thread wait: for their turn, or that their answer is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    @property
    def waiting(self) -> int:
        """How many there are."""
        return self._count

    def add(self) -> None:
        """There is one more. On any thread."""
        with self._lock:
            self._count += 1

    def remove(self) -> None:
        """The answer to one is taken. On the step thread."""
        with self._lock:
            self._count -= 1


@dataclass(frozen=True, slots=True)
class ThreadAnswer:
    """What one of the worker's own threads has to say to the step thread.

    Args:
        message: one of `engine.worker.threads.messages`.
        tasks: where the task that this answers is counted; None for what nobody asked for, like progress.
    """

    message: Any
    tasks: TaskCount | None = None

    def take(self) -> Any:
        """Return the message. On the step thread, once."""
        if self.tasks is not None:
            self.tasks.remove()
        return self.message


@dataclass(frozen=True, slots=True)
class Unexpected:
    """A task raised what it should not: the worker ends with it."""

    error: Exception


@dataclass(frozen=True, slots=True)
class ThreadEnded:
    """A service thread cannot go on, and so the worker ends: nobody would do what that thread was asked."""

    error: BaseException
