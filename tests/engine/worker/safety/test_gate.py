"""The gate: what it lets out, what it stops, and that it never lets out what it could not judge."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from engine.api import Fault, Verdict, pixel_sha256
from engine.encoding import JPEG, FileOptions, decode_picture
from engine.worker.safety import DetectorHung, DetectorLost, Finding, SafetyGate, TimedDetector

LATENTS = torch.zeros(1, 4, 2, 2)
PASS = Finding(False)


@dataclass
class Scripted:
    """A detector that answers as told."""

    answer: Any = PASS
    name: str = "scripted"

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Painting:
    """A detector that paints over what it is shown."""

    name = "painting"

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        for view in views:
            view.paste((0, 0, 0), (0, 0, *view.size))
        return Finding(False)


def pixels(height: int = 16, width: int = 24, seed: int = 0) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def gate(floor: Any = None, checker: Any = None) -> SafetyGate:
    return SafetyGate(timed(floor or Scripted()), timed(checker or Scripted()), side=64)


def timed(detector: Any) -> TimedDetector:
    return detector if isinstance(detector, TimedDetector) else TimedDetector(detector)


def gate_with(place: str, detector: Any) -> SafetyGate:
    """A gate with the detector in one place and a passing one in the other."""
    return gate(detector, None) if place == "floor" else gate(None, detector)


def test_a_picture_both_detectors_pass_is_minted_with_the_hash_of_its_pixels() -> None:
    decoded = pixels()
    review = gate().review(decoded, LATENTS)
    assert review.verdict is Verdict.ALLOW
    assert review.image is not None
    expected = (((decoded * 0.5 + 0.5) * 255).round().to(torch.uint8).permute(1, 2, 0)).numpy()
    assert decode_picture(review.image.data).tobytes() == expected.tobytes()
    assert review.image.sha256 == pixel_sha256("RGB", 24, 16, expected.tobytes())
    assert (review.image.width, review.image.height, review.image.media_type) == (24, 16, "image/png")


@pytest.mark.parametrize("place", ["floor", "checker"])
def test_one_detector_is_enough_to_block(place: str) -> None:
    review = gate_with(place, Scripted(Finding(True, "concept 3"), place)).review(pixels(), LATENTS)
    assert (review.verdict, review.reason, review.image) == (Verdict.BLOCK, f"{place}: concept 3", None)


@pytest.mark.parametrize("place", ["floor", "checker"])
@pytest.mark.parametrize(
    "answer",
    [RuntimeError("broken"), None, False, "safe", Finding(None), Finding(0)],  # type: ignore[arg-type]
    ids=repr,
)
def test_a_detector_that_raises_or_answers_nonsense_is_an_error(place: str, answer: Any) -> None:
    review = gate_with(place, Scripted(answer)).review(pixels(), LATENTS)
    assert (review.verdict, review.fault, review.image) == (Verdict.ERROR, Fault.DETECTOR_BROKE, None)
    assert review.reason.startswith("scripted: ")


@pytest.mark.parametrize("place", ["floor", "checker"])
def test_a_detector_that_hangs_is_no_verdict_but_the_end_of_its_worker(place: str) -> None:
    released = threading.Event()

    class Hanging(Scripted):
        def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Any:
            released.wait()

    tested = gate_with(place, TimedDetector(Hanging(name="hanging"), 0.01))
    with pytest.raises(DetectorHung, match=r"the hanging gave no answer in 0\.01 s"):
        tested.review(pixels(16, 16), LATENTS)
    with pytest.raises(DetectorLost):
        tested.judge(Image.new("RGB", (8, 8)))
    released.set()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_an_error_wherever_it_stands(number: float) -> None:
    bad = pixels()
    bad[1, 3, 5] = number
    bad_latents = LATENTS.clone()
    bad_latents[0, 2, 1, 1] = number
    for review in (gate().review(bad, LATENTS), gate().review(pixels(), bad_latents)):
        assert (review.verdict, review.fault, review.image) == (Verdict.ERROR, Fault.NOT_FINITE, None)


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (4, 8, 8), (1, 8, 8), (8, 8), (3, 0, 8), (3, 8, 0)])
def test_anything_but_one_picture_of_three_colours_is_not_even_looked_at(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not that of one picture"):
        gate().review(torch.rand(shape), LATENTS)


@pytest.mark.parametrize("value", [-1.0, 0.3, 1.0])
def test_a_picture_of_one_colour_is_an_error(value: float) -> None:
    review = gate().review(torch.full((3, 8, 8), value), LATENTS)
    assert (review.verdict, review.fault, review.image) == (Verdict.ERROR, Fault.ONE_COLOUR, None)


@pytest.mark.parametrize("order", [1, -1])
def test_a_block_weighs_more_than_an_error(order: int) -> None:
    floor, checker = [Scripted(Finding(True, "concept 3")), Scripted(RuntimeError("broken"))][::order]
    assert gate(floor, checker).review(pixels(), LATENTS).verdict is Verdict.BLOCK


def test_a_detector_cannot_change_what_gets_out_or_what_the_other_sees() -> None:
    untouched = gate().review(pixels(), LATENTS).image
    assert gate(floor=Painting(), checker=Painting()).review(pixels(), LATENTS).image == untouched


def test_a_grid_is_made_of_the_very_pixels_that_were_allowed() -> None:
    tested = gate()
    tiles = [tested.review(pixels(seed=seed), LATENTS).image for seed in range(3)]
    grid = tested.compose([tile for tile in tiles if tile])
    picture = decode_picture(grid.data)
    assert (grid.width, grid.height) == picture.size == (2 * 24 + 1, 2 * 16 + 1)
    assert grid.sha256 == pixel_sha256("RGB", *picture.size, picture.tobytes())
    assert tiles[2] is not None
    assert picture.crop((0, 17, 24, 33)).tobytes() == decode_picture(tiles[2].data).tobytes()


def test_a_file_that_had_to_be_a_jpeg_names_the_pixels_it_holds_and_takes_its_place_in_a_grid() -> None:
    tested, small = gate(), FileOptions(max_bytes=1)
    tiles = [tested.review(pixels(seed=seed), LATENTS, small).image for seed in range(2)]
    assert tiles[0] is not None
    assert tiles[1] is not None
    held = decode_picture(tiles[0].data)
    assert tiles[0].media_type == JPEG
    assert tiles[0].sha256 == pixel_sha256("RGB", *held.size, held.tobytes())
    assert decode_picture(tested.compose([tiles[0], tiles[1]]).data).crop((0, 0, 24, 16)).tobytes() == held.tobytes()


def test_a_grid_refuses_a_tile_whose_pixels_were_exchanged() -> None:
    tested = gate()
    first, second = (tested.review(pixels(seed=seed), LATENTS).image for seed in range(2))
    assert first is not None
    assert second is not None
    with pytest.raises(ValueError, match="not those that were reviewed"):
        tested.compose([first, replace(second, sha256=first.sha256)])


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(Finding(True, "spirits"), Verdict.BLOCK), (RuntimeError("broken"), Verdict.ERROR), (PASS, Verdict.ALLOW)],
    ids=repr,
)
def test_an_additional_checker_looks_besides_the_models_own(answer: Any, verdict: Verdict) -> None:
    added = [Scripted(), Scripted(answer, "additional checker 2")]
    review = SafetyGate(timed(Scripted()), timed(Scripted()), *map(timed, added), side=64).review(pixels(), LATENTS)
    assert review.verdict is verdict
    assert review.reason.startswith("additional checker 2: " if verdict is not Verdict.ALLOW else "")


def test_an_additional_checker_cannot_pass_what_the_models_own_blocks() -> None:
    own = Scripted(Finding(True, "concept 3"), "checker")
    review = SafetyGate(timed(Scripted()), timed(own), timed(Scripted()), side=64).review(pixels(), LATENTS)
    assert (review.verdict, review.reason) == (Verdict.BLOCK, "checker: concept 3")
