"""How pocket's pictures are judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from engine.pocket import WEIGHTS
from engine.pocket.scoring import counting, drawing, namer, prompts, score, variety
from engine.pocket.scoring.__main__ import SENTENCES, main
from engine.pocket.scoring.colours import HUES, background_colour, main_colour
from engine.pocket.scoring.drawing import Asked
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


def test_the_edge_of_a_picture_says_its_background() -> None:
    picture = Image.new("RGB", (96, 64), (40, 110, 230))
    picture.paste(Image.new("RGB", (40, 40), "red"), (28, 12))
    assert background_colour(picture) == "blue"


def test_a_thing_has_its_colour_on_any_background() -> None:
    picture = Image.new("RGB", (64, 64), (40, 110, 230))
    picture.paste(Image.new("RGB", (20, 20), (230, 30, 30)), (20, 20))
    assert score.thing_colour(picture) == "red"


def test_variety_is_the_distance_within_over_between() -> None:
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    assert variety.ratio(points, ["a", "a", "b", "b"]) == pytest.approx(1 / 10)


def test_silhouettes_overlap_as_much_as_they_share() -> None:
    first, second = Image.new("RGB", (20, 20), "white"), Image.new("RGB", (20, 20), "white")
    first.paste("black", (0, 0, 10, 20))
    second.paste("black", (5, 0, 15, 20))
    assert variety.overlap([first, second], ["a", "a"]) == pytest.approx(5 / 15)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_separate_things_on_white_are_counted_without_their_crumbs(count: int) -> None:
    picture = Image.new("RGB", (128, 128), "white")
    for place in range(count):
        picture.paste(
            "red", (64 * (place % 2) + 10, 64 * (place // 2) + 10, 64 * (place % 2) + 44, 64 * (place // 2) + 44)
        )
    picture.paste("red", (58, 58, 62, 62))
    assert counting.pieces(picture) == count


def test_an_empty_picture_shows_nothing() -> None:
    assert counting.pieces(Image.new("RGB", (128, 128), "white")) == 0


def test_a_picture_that_did_not_change_has_not_moved() -> None:
    black, grey = Image.new("RGB", (8, 8), "black"), Image.new("RGB", (8, 8), (10, 10, 10))
    assert variety.moved([black, black], [black, grey]) == pytest.approx(5)


def test_noise_that_is_turned_stays_as_strong_and_ends_at_the_other_noise() -> None:
    first, second = Asked("a cat", "cat", 1), Asked("a cat", "cat", 2)
    size = (128, 192)
    half = drawing.noise(replace(first, towards=2, turn=0.5), size)
    whole = drawing.noise(replace(first, towards=2, turn=1.0), size)
    assert half.shape == (1, 4, 24, 16)
    assert half.std() == pytest.approx(1, abs=0.1)
    assert torch.allclose(whole, drawing.noise(second, size), atol=1e-5)


def test_a_picture_is_made_square_by_its_edges() -> None:
    picture = Image.new("RGB", (30, 20), "red")
    squared = namer.squared(picture)
    assert squared.size == (30, 30)
    assert squared.getpixel((15, 0)) == (255, 0, 0)


def test_colours_that_were_never_shown_are_marked() -> None:
    asked = prompts.coloured(prompts.COLOURED, 1)
    assert 0 < sum(one.held_out for one in asked) < len(asked) / 4
    assert {one.colour for one in asked} == set(prompts.COLOURS)


PLAN = score.ScorePlan(
    seeds=1,
    variety_seeds=2,
    subjects=[subject for subject in SUBJECTS if subject.label in ("red apple", "cat", "bomb")],
    coloured=("balloon",),
    on_grounds=("cat",),
    various=("cat", "red apple"),
    counted=("apple",),
    together=(("cat", "dog"),),
)


def test_the_shipped_model_draws_what_it_is_asked_for_and_its_checker_stops_what_it_must() -> None:
    figures = score.score(WEIGHTS, replace(PLAN, seeds=2, parts=("everyday", "vae")), steps=8)
    figures |= score.score(WEIGHTS, replace(PLAN, parts=("colours",)), steps=8)
    assert figures["named_first"] >= 0.75
    assert figures["colour_right"] > 0.3
    assert figures["blocked_caught"] == 1.0
    assert figures["false_alarms"] == 0.0
    assert figures["vae_psnr"] > 20


def test_every_figure_is_printed() -> None:
    figures = score.score(WEIGHTS, PLAN, steps=1)
    # One colour in one thing: none of it may be held out.
    assert set(SENTENCES) - set(figures) <= {"held_out_colour_right"} | {
        name for name in SENTENCES if name.startswith("blocked_caught")
    }
    assert set(figures) <= set(SENTENCES)


def test_only_the_built_in_model_can_be_scored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["score", "sd15"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "pocket" in capsys.readouterr().err
