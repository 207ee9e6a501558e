"""What a detector is, and how the gate asks one without ever waiting for it forever."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image


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


class DetectorSilent(Exception):
    """A detector did not answer in time."""


class TimedDetector:
    """A detector with a limit on its time.

    A detector that hangs cannot be ended from outside: it keeps its thread, and further pictures are refused until it
    answers, so that at most one thread is ever lost.

    Args:
        detector: whom to ask.
        timeout_s: how long one picture may take.
    """

    def __init__(self, detector: Detector, timeout_s: float) -> None:
        self._detector = detector
        self._timeout_s = timeout_s
        self._busy: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The detector's name."""
        return self._detector.name

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        """Ask the detector, once it has answered whoever else asks.

        Raises:
            DetectorSilent: it did not answer in time, or is still busy with an earlier picture.
            Exception: whatever the detector raised.
        """
        with self._lock:
            return self._look(views, unfinished)

    def _look(self, views: Sequence[Image.Image], unfinished: bool) -> Finding:
        if self._busy is not None and self._busy.is_alive():
            raise DetectorSilent("still busy with an earlier picture")
        answers: list[Finding | BaseException] = []
        self._busy = threading.Thread(target=self._ask, args=(views, unfinished, answers), name=self.name, daemon=True)
        self._busy.start()
        self._busy.join(self._timeout_s)
        if not answers:
            raise DetectorSilent(f"no answer in {self._timeout_s:g} s")
        answer = answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _ask(self, views: Sequence[Image.Image], unfinished: bool, answers: list[Finding | BaseException]) -> None:
        try:
            answers.append(self._detector.look(views, unfinished))
        except BaseException as error:
            answers.append(error)
