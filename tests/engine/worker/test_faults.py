"""What a worker says of pictures that its gate could not judge, and how it ends when a detector hangs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from engine.api import Fault, GenerationRequest, ImageSeed, InitImage, Recipe, Verdict
from engine.catalog import Catalog
from engine.wire import Cancel, Draw, FromWorker, JobCancelled, JobFailed, JobFinished, Leaving, Stop
from engine.worker.loop import run_worker
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.safety import DetectorLost, Finding, TimedDetector
from engine.worker.safety.floor import PROOF
from tests.engine.stand_in_checker import any_checker

FOUR = tuple(ImageSeed(seed) for seed in (1, 2, 3, 4))
GUARD_S = 60.0
INPUT = (PROOF / "plain.png").read_bytes()


@dataclass
class Script:
    """A floor that lets pictures pass until its script says otherwise.

    Args:
        acts: what it does at a look, by its number, from 1.
    """

    acts: dict[int, Callable[[], Finding]]
    looks: int = 0
    name: str = "script"

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        self.looks += 1
        return self.acts.get(self.looks, lambda: Finding(False))()


@dataclass
class Never:
    """A detector that does not answer before the test is over."""

    over: threading.Event = field(default_factory=threading.Event)
    name: str = "never"

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        self.over.wait()
        return Finding(False)


def fail() -> Finding:
    raise RuntimeError("out of order")


@pytest.fixture
def hang() -> Any:
    """Ask somebody who never answers, and wait a moment for it."""
    never = Never()
    timed = TimedDetector(never, limit_s=0.01)
    yield lambda: timed.look([])
    never.over.set()


@dataclass
class Outcome:
    """How a worker ended: its exit code and what it said."""

    code: int
    heard: list[FromWorker]

    def of_job(self, job_id: str) -> list[FromWorker]:
        return [message for message in self.heard if getattr(message, "job_id", "") == job_id]


@pytest.fixture
def run(make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device) -> Callable[..., Outcome]:
    """Run a worker with a floor until it ends, or until its parent has heard the last of so many jobs."""

    def do(floor: Any, *requests: GenerationRequest, inbox: Inbox | None = None, on_cancelled: Any = None) -> Outcome:
        inbox, heard, waiting = inbox or Inbox(), [], {request.job_id for request in requests}

        def hear(message: FromWorker) -> None:
            heard.append(message)
            if isinstance(message, JobCancelled) and on_cancelled is not None:
                on_cancelled()
            elif isinstance(message, JobFinished | JobFailed | JobCancelled):
                waiting.discard(message.job_id)
            if not waiting:
                inbox.put(Stop())

        for request in requests:
            inbox.put(Draw(request))
        catalog = make_catalog(tiny_folder)
        return Outcome(run_worker("cpu-0", device, catalog, inbox, hear, lambda: floor, any_checker), heard)

    return do


def kinds(messages: Sequence[FromWorker]) -> list[str]:
    """Return the names of the messages' types, without those of the steps."""
    return [name for message in messages if (name := type(message).__name__) not in ("JobProgress", "JobStarted")]


def test_a_detector_that_breaks_costs_its_job_a_picture_and_the_other_job_none(
    run: Callable[..., Outcome], recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    floor = Script({2: fail})
    outcome = run(floor, request_for(replace(recipe, images=FOUR), "bad", previews=False))
    (finished,) = [message for message in outcome.heard if isinstance(message, JobFinished)]
    assert [(image.verdict, image.fault) for image in finished.images] == [
        (Verdict.ALLOW, None),
        (Verdict.ERROR, Fault.DETECTOR_BROKE),
        (Verdict.ALLOW, None),
        (Verdict.ALLOW, None),
    ]
    assert finished.images[1].reason == "script: RuntimeError: out of order"
    assert finished.grid is not None
    assert outcome.code == 0


def test_a_detector_that_hangs_ends_its_job_with_what_was_judged_and_then_the_worker(
    run: Callable[..., Outcome],
    recipe: Recipe,
    request_for: Callable[..., Any],
    hang: Callable[[], Finding],
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = request_for(replace(recipe, images=FOUR), "bad", previews=False)
    other = request_for(replace(recipe, steps=60), "other", previews=False)
    outcome = run(Script({3: hang}), bad, other)
    assert outcome.code == 1
    assert kinds(outcome.of_job("bad")) == ["Leaving", "JobFinished"]
    assert kinds(outcome.of_job("other")) == []
    finished = outcome.of_job("bad")[-1]
    assert isinstance(finished, JobFinished)
    assert [image.fault for image in finished.images] == [None, None, Fault.DETECTOR_HUNG, Fault.DETECTOR_HUNG]
    assert [image.image is not None for image in finished.images] == [True, True, False, False]
    assert finished.grid is not None
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert line == "the worker ends, and another is to take its place: the never gave no answer in 0.01 s"


def test_a_detector_that_hangs_over_an_input_fails_that_job_as_a_fault_and_then_ends_the_worker(
    run: Callable[..., Outcome], recipe: Recipe, request_for: Callable[..., Any], hang: Callable[[], Finding]
) -> None:
    outcome = run(Script({1: hang}), from_picture(request_for, recipe, "bad"))
    leaving, failed = outcome.of_job("bad")
    assert isinstance(leaving, Leaving)
    assert isinstance(failed, JobFailed)
    assert (failed.code, failed.data["fault"]) == ("input_not_judged", Fault.DETECTOR_HUNG)
    assert outcome.code == 1


def test_a_detector_that_breaks_over_an_input_fails_that_job_as_a_fault(
    run: Callable[..., Outcome], recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    outcome = run(Script({1: fail}), from_picture(request_for, recipe, "bad"), request_for(recipe, "good"))
    (failed,) = [message for message in outcome.heard if isinstance(message, JobFailed)]
    assert (failed.job_id, failed.code, failed.data["fault"]) == ("bad", "input_not_judged", Fault.DETECTOR_BROKE)
    assert kinds(outcome.of_job("good")) == ["JobFinished"]
    assert outcome.code == 0


def test_a_detector_that_hangs_over_a_preview_ends_the_worker_and_the_job_is_told_nothing(
    run: Callable[..., Outcome], recipe: Recipe, request_for: Callable[..., Any], hang: Callable[[], Finding]
) -> None:
    outcome = run(Script({1: hang}), request_for(replace(recipe, steps=60), "bad"))
    assert kinds(outcome.of_job("bad")) == ["Leaving"]
    assert outcome.code == 1


def test_a_detector_that_hangs_over_a_job_that_nobody_wants_any_more_ends_the_worker_all_the_same(
    run: Callable[..., Outcome], recipe: Recipe, request_for: Callable[..., Any], hang: Callable[[], Finding]
) -> None:
    inbox, cancelled = Inbox(), threading.Event()

    def cancelled_meanwhile() -> Finding:
        inbox.put(Cancel("bad"))
        assert cancelled.wait(GUARD_S)
        return hang()

    request = request_for(recipe, "bad", previews=False)
    outcome = run(Script({1: cancelled_meanwhile}), request, inbox=inbox, on_cancelled=cancelled.set)
    assert kinds(outcome.of_job("bad")) == ["JobCancelled", "Leaving"]
    assert outcome.code == 1


def test_a_job_that_asks_while_a_detector_hangs_is_told_nothing_since_it_had_no_part_in_it(
    run: Callable[..., Outcome], recipe: Recipe, request_for: Callable[..., Any], hang: Callable[[], Finding]
) -> None:
    def lost() -> Finding:
        raise DetectorLost("the floor still hangs over an earlier picture")

    outcome = run(
        Script({1: lost, 2: hang}),
        from_picture(request_for, recipe, "innocent"),
        request_for(recipe, "bad", previews=False),
    )
    assert kinds(outcome.of_job("innocent")) == []
    assert kinds(outcome.of_job("bad")) == ["Leaving", "JobFinished"]


@pytest.mark.parametrize(
    ("number", "fault"), [(float("nan"), Fault.NOT_FINITE), (0.25, Fault.ONE_COLOUR)], ids=["nan", "one colour"]
)
def test_a_picture_that_is_none_is_the_models_fault_and_no_detector_is_asked(
    make_catalog: Callable[..., Catalog],
    copied_folder: Path,
    device: Device,
    recipe: Recipe,
    request_for: Callable[..., Any],
    make_parent: Callable[..., Any],
    number: float,
    fault: Fault,
) -> None:
    weights = copied_folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["decoder.conv_out.weight"][:] = 0
    tensors["decoder.conv_out.bias"][:] = number
    save_file(tensors, weights, {"format": "pt"})
    parent = make_parent(copied_folder)
    parent.floor = floor = Script({})
    (result,) = parent.run(Draw(request_for(recipe, previews=False)))[-1].images
    assert (result.verdict, result.fault, result.image) == (Verdict.ERROR, fault, None)
    assert floor.looks == 0


def from_picture(request_for: Callable[..., Any], recipe: Recipe, job_id: str) -> GenerationRequest:
    """Return a request that starts from a picture."""
    import hashlib

    start = InitImage(hashlib.sha256(INPUT).hexdigest(), 0.5)
    made: GenerationRequest = request_for(replace(recipe, init_image=start), job_id, previews=False)
    return replace(made, inputs=(INPUT,))
