"""Work aside from the step thread."""

from __future__ import annotations

import threading

import pytest
import torch

from engine.worker.runtime.channel import Inbox, ThreadAnswer
from engine.worker.runtime.service_thread import ServiceThread, open_service_thread

GUARD_S = 600.0


def answer(inbox: Inbox) -> None:
    """Open the next answer, as the step thread would."""
    message = inbox.get(timeout=GUARD_S)
    assert isinstance(message, ThreadAnswer)
    message.open()


def no_failure(error: Exception) -> None:
    raise AssertionError(error)


def test_answers_come_in_order_and_are_opened_where_the_question_was_asked() -> None:
    inbox = Inbox()
    taken: list[tuple[int, int]] = []
    workers: list[int] = []

    def work(number: int) -> int:
        workers.append(threading.get_ident())
        return number

    with open_service_thread("service thread", inbox, 1) as open_thread:
        for number in range(3):
            open_thread.submit(
                lambda number=number: work(number),  # type: ignore[misc]
                lambda result: taken.append((result, threading.get_ident())),
                no_failure,
            )
        for _ in range(3):
            answer(inbox)
    here = threading.get_ident()
    assert taken == [(0, here), (1, here), (2, here)]
    assert here not in workers


def test_what_work_raises_is_an_answer_too() -> None:
    inbox = Inbox()
    failures: list[str] = []
    with open_service_thread("service thread", inbox, 1) as open_thread:
        open_thread.submit(
            lambda: 1 // 0, lambda result: pytest.fail("taken"), lambda error: failures.append(str(error))
        )
        open_thread.submit(lambda: "next", failures.append, no_failure)
        answer(inbox)
        answer(inbox)
    assert failures == ["integer division or modulo by zero", "next"]


def test_a_question_waits_until_its_answer_is_opened() -> None:
    inbox = Inbox()
    with open_service_thread("service thread", inbox, 1) as open_thread:
        open_thread.submit(lambda: None, lambda result: None, no_failure)
        open_thread.submit(lambda: None, lambda result: None, no_failure)
        assert open_thread.waiting == 2
        answer(inbox)
        assert open_thread.waiting == 1
        answer(inbox)
        assert open_thread.waiting == 0


def test_torch_has_as_many_threads_as_on_the_step_thread() -> None:
    inbox = Inbox()
    threads: list[int] = []
    with open_service_thread("service thread", inbox, torch.get_num_threads()) as open_thread:
        open_thread.submit(torch.get_num_threads, threads.append, no_failure)
        answer(inbox)
    assert threads == [torch.get_num_threads()]


def test_a_closed_desk_drops_what_waits() -> None:
    inbox = Inbox()
    open_thread = ServiceThread(inbox, 1)
    open_thread.submit(lambda: pytest.fail("done"), lambda result: None, no_failure)
    open_thread.close()
    open_thread.run()
    assert inbox.empty()
