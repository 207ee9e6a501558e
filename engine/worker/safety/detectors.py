"""What a detector is, and how it is asked: on a thread of its own, and never waited for forever."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Protocol, runtime_checkable

from PIL import Image

LOOK_LIMIT_S = 60.0
FURTHER_VIEW_S = 15.0
"""What a look may take longer for each view but the first: many go through a tower one after the other."""
MOST_S = 240.0
"""What a look may take at most, so that who looks on is told that it hangs before a worker has been silent too long."""
PROVEN_EVERY = 16
"""So many pictures a detector that can prove itself judges on one proof."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector says of one picture. It can only speak against it: `reason` is empty when it found nothing."""

    blocked: bool
    reason: str = ""


class Detector(Protocol):
    """Looks at finished pictures for one kind of content."""

    @property
    def name(self) -> str:
        """Short name for reasons and logs."""

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        """Judge one picture by its square RGB views, of which any may speak against it.

        Any exception counts as an error of the gate, never as a pass.

        Args:
            views: of the picture.
            unfinished: whether it is a preview; those are judged more strictly.
        """


@runtime_checkable
class SelfProving(Protocol):
    """A detector that can be damaged while it is at work, and can find that out cheaply."""

    def prove_again(self) -> None:
        """Judge what is known. Whatever it raises counts as an error of the gate."""


class DetectorHung(Exception):
    """A detector did not answer in time. `str()` says which; its process has to be replaced."""


class DetectorLost(Exception):
    """A detector was asked while it hangs over an earlier picture: this one had no part in that."""


class TimedDetector:
    """A detector with a thread of its own and a limit on its time.

    The thread starts with the first question and lasts, since a card's kernels are planned anew for each thread. It
    ends when nobody can ask any more: when this object is gone.

    Args:
        detector: whom to ask.
        limit_s: how long a picture of one view may take.
    """

    def __init__(self, detector: Detector, limit_s: float = LOOK_LIMIT_S) -> None:
        self._detector = detector
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._looks = 0
        self._hangs = False

    @property
    def name(self) -> str:
        """The detector's name."""
        return self._detector.name

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        """Ask the detector, once it has answered whoever else asks. Now and then it has to prove itself first.

        Raises:
            DetectorHung: it did not answer in time.
            DetectorLost: it still hangs over an earlier picture.
            Exception: whatever the detector raised.
        """
        with self._lock:
            if self._hangs:
                raise DetectorLost(f"the {self.name} still hangs over an earlier picture")
            self._looks += 1
            prove = self._looks % PROVEN_EVERY == 0
            work = partial(_ask, self._detector, views, unfinished, prove)
            return self._answer(work, time_for(len(views), self._limit_s))

    def _answer(self, work: Callable[[], Finding], limit_s: float) -> Finding:
        self._start()
        answers: SimpleQueue[Finding | BaseException] = SimpleQueue()
        self._questions.put(_Question(work, answers))
        try:
            answer = answers.get(timeout=limit_s)
        except Empty:
            self._hangs = True
            raise DetectorHung(f"the {self.name} gave no answer in {limit_s:g} s") from None
        if not isinstance(answer, BaseException):
            return answer
        try:
            raise answer
        finally:
            del answer  # its traceback refers to this frame, which would keep all of it, and the thread, alive

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=_run, args=(self._questions,), name=self.name, daemon=True)
            thread.start()
            self._thread = thread  # only now: without memory it does not start, and would never answer
            weakref.finalize(self, self._questions.put, None)


def time_for(views: int, first_s: float = LOOK_LIMIT_S) -> float:
    """Return how long a look at so many views may take, in seconds, if one at a single view may take `first_s`."""
    return min(first_s + FURTHER_VIEW_S * max(0, views - 1), max(first_s, MOST_S))


@dataclass(frozen=True, slots=True)
class _Question:
    work: Callable[[], Finding]
    answers: SimpleQueue[Finding | BaseException]


def _ask(detector: Detector, views: Sequence[Image.Image], unfinished: bool, prove: bool) -> Finding:
    if prove and isinstance(detector, SelfProving):
        detector.prove_again()
    return detector.look(views, unfinished)


def _run(questions: SimpleQueue[_Question | None]) -> None:
    while _answer_next(questions):
        pass


def _answer_next(questions: SimpleQueue[_Question | None]) -> bool:
    """Answer one question. A function, because its names keep nothing alive while there is nothing to answer."""
    question = questions.get()
    if question is None:
        return False
    try:
        question.answers.put(question.work())
    except BaseException as error:
        question.answers.put(error)
    return True
