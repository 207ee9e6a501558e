"""Work aside from the step thread."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch

from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.messages import ThreadAnswer, ThreadEnded, Unexpected
from engine.worker.runtime.service_thread import ServiceThread, open_service_thread

GUARD_S = 600.0


def answer(inbox: Inbox) -> Any:
    """Take the next answer, as the step thread would."""
    message = inbox.get(timeout=GUARD_S)
    assert isinstance(message, ThreadAnswer)
    return message.take()


def test_answers_come_in_order_and_from_another_thread() -> None:
    inbox = Inbox()
    workers: list[int] = []

    def work(number: int) -> int:
        workers.append(threading.get_ident())
        return number

    with open_service_thread("service thread", inbox, 1) as thread:
        for number in range(3):
            thread.submit(lambda number=number: work(number))  # type: ignore[misc]
        assert [answer(inbox) for _ in range(3)] == [0, 1, 2]
    assert len(workers) == 3
    assert threading.get_ident() not in workers


def test_what_work_raises_is_an_answer_too() -> None:
    inbox = Inbox()
    with open_service_thread("service thread", inbox, 1) as thread:
        thread.submit(lambda: 1 // 0, str)
        thread.submit(lambda: "next")
        assert [answer(inbox), answer(inbox)] == ["integer division or modulo by zero", "next"]


def test_what_work_should_not_raise_is_an_answer_that_says_so() -> None:
    inbox = Inbox()
    with open_service_thread("service thread", inbox, 1) as thread:
        thread.submit(lambda: 1 // 0)
        thread.submit(lambda: "next")
        unexpected = answer(inbox)
        assert isinstance(unexpected, Unexpected)
        assert isinstance(unexpected.error, ZeroDivisionError)
        assert answer(inbox) == "next"


def test_a_thread_that_cannot_go_on_says_so() -> None:
    inbox = Inbox()

    def leave() -> None:
        raise SystemExit(3)

    with open_service_thread("service thread", inbox, 1) as thread:
        thread.submit(leave)
        ended = answer(inbox)
    assert isinstance(ended, ThreadEnded)
    assert isinstance(ended.error, SystemExit)


def test_a_task_waits_until_its_answer_is_taken() -> None:
    inbox = Inbox()
    with open_service_thread("service thread", inbox, 1) as thread:
        thread.submit(lambda: None)
        thread.submit(lambda: None)
        assert thread.waiting == 2
        answer(inbox)
        assert thread.waiting == 1
        answer(inbox)
        assert thread.waiting == 0


def test_torch_has_as_many_threads_as_on_the_step_thread() -> None:
    inbox = Inbox()
    with open_service_thread("service thread", inbox, torch.get_num_threads()) as thread:
        thread.submit(torch.get_num_threads)
        assert answer(inbox) == torch.get_num_threads()


def test_a_closed_thread_drops_what_waits() -> None:
    inbox = Inbox()
    thread = ServiceThread(inbox, 1)
    thread.submit(lambda: pytest.fail("done"))
    thread.close()
    thread.run()
    assert inbox.empty()
