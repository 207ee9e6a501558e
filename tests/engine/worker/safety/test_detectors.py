"""A detector is asked on one lasting thread, is never waited for forever, and has to prove itself now and then."""

from __future__ import annotations

import gc
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from PIL import Image

from engine.worker.safety import DetectorHung, DetectorLost, Finding, ProofFailed, TimedDetector
from engine.worker.safety.detectors import PROVEN_EVERY, time_for

VIEWS = [Image.new("RGB", (8, 8))]
GUARD_S = 30.0


@dataclass
class Noting:
    """A detector that notes on which thread it is asked."""

    name: str = "noting"
    threads: list[threading.Thread] = field(default_factory=list)

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        self.threads.append(threading.current_thread())
        return Finding(False)


@dataclass
class Hanging:
    """A detector that answers once it is released."""

    released: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    name: str = "hanging"

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        self.asked.set()
        self.released.wait()
        return Finding(True, "late")


class Proving(Noting):
    """A detector that is sound until it is damaged."""

    proofs = 0
    sound = True

    def prove_again(self) -> None:
        self.proofs += 1
        if not self.sound:
            raise ProofFailed("it sees no difference between two pictures")


def threads_named(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_300_looks_take_one_thread() -> None:
    detector = Noting()
    timed = TimedDetector(detector)
    timed.look(VIEWS)
    count = threading.active_count()
    for _ in range(299):
        timed.look(VIEWS)
        assert threading.active_count() == count
    assert len(set(detector.threads)) == 1
    assert threading.current_thread() not in detector.threads


def test_a_detector_that_is_never_asked_has_no_thread() -> None:
    timed = TimedDetector(Noting("unasked"))
    assert threads_named("unasked") == []
    assert timed.name == "unasked"


@pytest.mark.parametrize("answers", ["answers", "raises"])
def test_the_thread_ends_when_nobody_can_ask_any_more(answers: str) -> None:
    class Raising(Noting):
        def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
            raise RuntimeError("out of order")

    timed = TimedDetector(Noting("passing") if answers == "answers" else Raising("passing"))
    if answers == "answers":
        timed.look(VIEWS)
    else:
        with pytest.raises(RuntimeError, match="out of order"):
            timed.look(VIEWS)
    (thread,) = threads_named("passing")
    gc.disable()  # it must not take a search for garbage
    try:
        del timed
        thread.join(GUARD_S)
    finally:
        gc.enable()
    assert not thread.is_alive()


def test_the_thread_keeps_nothing_of_what_it_was_asked() -> None:
    import weakref

    detector = Noting("forgetful")
    timed = TimedDetector(detector)
    timed.look(VIEWS)
    gone = weakref.ref(detector)
    (thread,) = threads_named("forgetful")
    del timed, detector
    thread.join(GUARD_S)
    assert gone() is None


def test_a_hang_is_told_to_the_one_who_asked_and_to_others_that_it_is_not_about_them() -> None:
    detector = Hanging()
    timed = TimedDetector(detector, limit_s=0.01)
    with pytest.raises(DetectorHung, match=r"the hanging gave no answer in 0\.01 s"):
        timed.look(VIEWS)
    count = threading.active_count()
    for _ in range(3):
        with pytest.raises(DetectorLost):
            timed.look(VIEWS)
    assert threading.active_count() == count
    detector.released.set()


def test_who_waits_while_it_hangs_is_not_the_one_who_is_told_of_a_hang() -> None:
    detector = Hanging()
    timed = TimedDetector(detector, limit_s=1.0)
    outcomes: list[type[BaseException]] = []

    def ask() -> None:
        try:
            timed.look(VIEWS)
        except Exception as error:
            outcomes.append(type(error))

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(GUARD_S)
    assert sorted(outcome.__name__ for outcome in outcomes) == ["DetectorHung", "DetectorLost"]
    detector.released.set()


def test_a_look_at_many_views_may_take_longer() -> None:
    assert [time_for(views) for views in (1, 2, 14)] == [60, 75, 255]


def test_a_late_answer_is_nobodys() -> None:
    detector = Hanging()
    timed = TimedDetector(detector, limit_s=0.01)
    with pytest.raises(DetectorHung):
        timed.look(VIEWS)
    detector.released.set()
    with pytest.raises(DetectorLost):
        timed.look(VIEWS)


def test_a_detector_that_can_prove_itself_has_to_every_16th_look() -> None:
    detector = Proving()
    timed = TimedDetector(detector)
    proofs = []
    for _ in range(3 * PROVEN_EVERY):
        timed.look(VIEWS)
        proofs.append(detector.proofs)
    assert PROVEN_EVERY == 16
    assert [proofs[look - 1] for look in (1, 15, 16, 31, 32, 48)] == [0, 0, 1, 1, 2, 3]


def test_a_detector_damaged_at_work_fails_its_proof_before_it_judges_again() -> None:
    detector = Proving()
    timed = TimedDetector(detector)
    for _ in range(PROVEN_EVERY - 1):
        timed.look(VIEWS)
    detector.sound = False
    with pytest.raises(ProofFailed, match="no difference"):
        timed.look(VIEWS)
    assert len(detector.threads) == PROVEN_EVERY - 1
