"""Work aside from the step thread: a thread that does one thing after the other and answers through the inbox."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.messages import TaskCount, ThreadAnswer, ThreadEnded, Unexpected

CLOSE_S = 1.0


class ServiceQueue(Protocol):
    """What waits for a service thread, as those see it who have something done."""

    @property
    def waiting(self) -> int:
        """How many tasks wait: for their turn, or that their answer is taken."""
        ...

    def submit(self, work: Callable[[], Any], failed: Callable[[Exception], Any] = Unexpected) -> None:
        """Have something done.

        Args:
            work: called on the service thread; the message that it returns is the answer.
            failed: called there too, with what `work` raised; the message that it returns is the answer instead.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Task:
    work: Callable[[], Any]
    failed: Callable[[Exception], Any]


class ServiceThread:
    """Takes tasks from any thread and gives the step thread the answers, in order. A `ServiceQueue`.

    Args:
        inbox: the step thread's.
        threads: CPU threads of torch, the same as the step thread's, because their number changes last bits.
    """

    def __init__(self, inbox: Inbox, threads: int) -> None:
        self._inbox = inbox
        self._threads = threads
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._count = TaskCount()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many tasks wait: for their turn, or that their answer is taken."""
        return self._count.waiting

    def submit(self, work: Callable[[], Any], failed: Callable[[Exception], Any] = Unexpected) -> None:
        """Have something done, as `ServiceQueue` says."""
        self._count.add()
        self._tasks.put(_Task(work, failed))

    def run(self) -> None:
        """Work until closed. The body of the service thread."""
        torch.set_num_threads(self._threads)
        try:
            while self._do_next():
                pass
        except BaseException as error:
            self._inbox.put(ThreadAnswer(ThreadEnded(error)))

    def _do_next(self) -> bool:
        """Do the next thing. A method, because the names in it keep nothing alive while there is nothing to do."""
        task = self._tasks.get()
        if task is None or self._closed:
            return False
        try:
            answer = ThreadAnswer(task.work(), self._count)
        except Exception as error:
            answer = ThreadAnswer(task.failed(error), self._count)
        self._inbox.put(answer)
        return True

    def close(self) -> None:
        """Drop what waits, and end the thread after what it does now."""
        self._closed = True
        self._tasks.put(None)


@contextmanager
def open_service_thread(name: str, inbox: Inbox, threads: int) -> Iterator[ServiceThread]:
    """Run a service thread. At the end its thread has a moment for what it does; one that hangs is left behind."""
    service = ServiceThread(inbox, threads)
    thread = threading.Thread(target=service.run, name=name, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.close()
        thread.join(CLOSE_S)
