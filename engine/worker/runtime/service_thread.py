"""Work aside from the step thread: a thread that does one thing after the other and answers through the inbox."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch

from engine.worker.runtime.channel import Inbox, ThreadAnswer

CLOSE_S = 1.0
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Task:
    work: Callable[[], Any]
    take: Callable[[Any], None]
    fail: Callable[[Exception], None]


class ServiceThread:
    """Takes work from any thread and gives the step thread the answers, in order.

    Args:
        inbox: the step thread's.
        threads: CPU threads of torch, the same as the step thread's, because their number changes last bits.
    """

    def __init__(self, inbox: Inbox, threads: int) -> None:
        self._inbox = inbox
        self._threads = threads
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._closed = False
        self._count = threading.Lock()
        self.waiting = 0

    def submit(
        self, work: Callable[[], Result], take: Callable[[Result], None], fail: Callable[[Exception], None]
    ) -> None:
        """Have something done.

        Args:
            work: what; called on the service thread.
            take: called with the result, on the step thread.
            fail: called instead with what `work` raised.
        """
        with self._count:
            self.waiting += 1
        self._tasks.put(_Task(work, take, fail))

    def run(self) -> None:
        """Work until closed. The body of the service thread."""
        torch.set_num_threads(self._threads)
        try:
            while self._do_next():
                pass
        except BaseException as error:
            self._inbox.put(ThreadAnswer(partial(_end_worker, error)))

    def _do_next(self) -> bool:
        """Do the next thing. A method, because the names in it keep nothing alive while there is nothing to do."""
        task = self._tasks.get()
        if task is None or self._closed:
            return False
        try:
            opened = self._opener(task.take, task.work())
        except Exception as error:
            opened = self._opener(task.fail, error)
        self._inbox.put(ThreadAnswer(opened))
        return True

    def close(self) -> None:
        """Drop what waits, and end the thread after what it does now."""
        self._closed = True
        self._tasks.put(None)

    def _opener(self, take: Callable[[Any], None], result: Any) -> Callable[[], None]:
        def open_answer() -> None:
            with self._count:
                self.waiting -= 1
            take(result)

        return open_answer


def _end_worker(error: BaseException) -> None:
    """End the step thread, and so the process: nobody would do what this service thread was asked."""
    raise RuntimeError("a service thread cannot go on") from error


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
