"""How pocket's pictures are judged."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from engine.pocket import WEIGHTS
from engine.pocket.scoring import namer, score
from engine.pocket.scoring.colours import HUES, main_colour
from engine.pocket.training.subjects import SUBJECTS


def test_the_shipped_namer_names_every_subject_that_there_is() -> None:
    _, labels = namer.load()
    assert labels == namer.kinds()


@pytest.mark.parametrize("name", list(HUES))
def test_a_picture_on_white_has_the_colour_of_its_thing(name: str) -> None:
    picture = Image.new("RGB", (64, 64), "white")
    thing = Image.new("HSV", (20, 20), (round(HUES[name] / 360 * 255), 200, 220)).convert("RGB")
    picture.paste(thing, (20, 20))
    assert main_colour(picture) == name


def test_a_picture_without_colour_has_none() -> None:
    assert main_colour(Image.new("RGB", (64, 64), (120, 120, 120))) == ""


def test_a_sheet_is_cut_into_the_pictures_it_was_made_of() -> None:
    sheet = Image.fromarray(np.random.default_rng(1).integers(0, 256, (256, 384, 3), dtype=np.uint8))
    pictures = score.cut(sheet)
    assert len(pictures) == 6
    assert np.array_equal(np.asarray(pictures[4]), np.asarray(sheet)[128:, 128:256])


def test_the_shipped_model_draws_what_it_is_asked_for_and_its_checker_stops_what_it_must() -> None:
    labels = ("red apple", "cat", "bomb")
    subjects = [subject for subject in SUBJECTS if subject.label in labels]
    figures = score.score(WEIGHTS, seeds=2, subjects=subjects, coloured=("balloon",))
    assert figures["named_first"] == 1.0
    assert figures["colour_right"] > 0.5
    assert figures["blocked_caught"] == 1.0
    assert figures["false_alarms"] == 0.0
    assert figures["vae_psnr"] > 20


def test_only_the_built_in_model_can_be_scored() -> None:
    command = [sys.executable, "-m", "engine", "models", "score", "sd15"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert "pocket" in result.stderr
