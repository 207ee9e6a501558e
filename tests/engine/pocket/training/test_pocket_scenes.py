"""Made-up pictures vary in what nobody says, and show what is said."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from engine.pocket.scoring.colours import HUES, background_colour
from engine.pocket.training import grounds, icon_names, scenes
from engine.pocket.training.grounds import Ground
from engine.pocket.training.render import SETS, Gallery
from engine.pocket.training.scenes import Scene, Thing
from engine.pocket.training.subjects import SUBJECTS

CAT = next(number for number, subject in enumerate(SUBJECTS) if subject.label == "cat")
DRAWING = np.zeros((128, 128, 4), dtype=np.uint8)
DRAWING[40:80, 30:90] = (200, 40, 40, 255)


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    """The same red block for every subject in every set."""
    keys = [(code, kind) for subject in SUBJECTS for code in subject.codes for kind in SETS]
    return Gallery(DRAWING[None], dict.fromkeys(keys, 0))


def made_up(gallery: Gallery, count: int, shape: tuple[int, int] = (128, 128)) -> list[Scene]:
    random = np.random.default_rng(3)
    return [scenes.choose(gallery, shape, random) for _ in range(count)]


def red(picture: np.ndarray) -> np.ndarray:
    near: np.ndarray = np.abs(picture.astype(int) - (200, 40, 40)).max(axis=-1) < 40
    return near


def test_what_nobody_says_varies(gallery: Gallery) -> None:
    found = [scene for scene in made_up(gallery, 400) if len(scene.things) == 1]
    first = [scene.things[0] for scene in found]
    assert {thing.kind for thing in first} >= {"3d", "shaded", "flat", "noto", "blob", "firefox", "streamline"}
    assert {thing.flip for thing in first} == {True, False}
    assert np.std([thing.size for thing in first]) > 0.1
    assert np.std([thing.middle[0] for thing in first]) > 0.05
    assert {scene.ground.kind for scene in found} == {"plain", "gradient", *grounds.PLACES}


def test_a_named_style_is_the_style_of_the_drawing_and_line_art_is_always_named(gallery: Gallery) -> None:
    for scene in made_up(gallery, 300):
        assert not scene.style or SETS[scene.things[0].kind] == scene.style
        assert scene.things[0].kind != "line art" or scene.style == "line art"


def test_held_out_colours_are_never_shown(gallery: Gallery) -> None:
    shown = [thing for scene in made_up(gallery, 600) for thing in scene.things if thing.paint]
    assert len(shown) > 20
    assert not any(scenes.held_out_paint(thing.subject, thing.paint) for thing in shown)


def test_a_paint_is_named_unless_the_thing_comes_in_every_colour(gallery: Gallery) -> None:
    random = np.random.default_rng(4)
    for scene in made_up(gallery, 600):
        first = scene.things[0]
        if first.paint and len(scene.things) == 1 and SUBJECTS[first.subject].names[0] not in scenes.ANY_COLOUR:
            assert first.paint in scene.words(random)


@pytest.mark.parametrize("shape", [(128, 128), (192, 128), (128, 192), (256, 256)])
def test_a_thing_has_its_size_and_place_at_every_shape(gallery: Gallery, shape: tuple[int, int]) -> None:
    width, height = shape
    scene = Scene((Thing(CAT, SUBJECTS[CAT].code, "3d", size=0.5, middle=(0.5, 0.25)),), shape=shape)
    rows, columns = np.nonzero(red(scene.picture(gallery)))
    assert np.ptp(columns) + 1 == pytest.approx(min(shape) * 0.5, abs=3)
    assert columns.mean() == pytest.approx(width * 0.5, abs=2)
    assert rows.mean() == pytest.approx(height * 0.25, abs=2)


def test_things_are_wholly_seen(gallery: Gallery) -> None:
    for scene in made_up(gallery, 300, (192, 128)):
        for thing in scene.things:
            reach = thing.size / 2 * 128 / 192, thing.size / 2
            for part, middle in zip(reach, thing.middle, strict=True):
                assert part - 0.01 <= middle <= 1 - part + 0.01


def test_several_things_are_all_drawn_and_counted(gallery: Gallery) -> None:
    several = [scene for scene in made_up(gallery, 400) if len(scene.things) > 1]
    counted = [scene for scene in several if len({thing.subject for thing in scene.things}) == 1]
    assert len(several) > len(counted) > 5
    for scene in counted[:5]:
        number = {2: "two", 3: "three", 4: "four"}[len(scene.things)]
        assert re.search(rf"\b{number}\b", scene.words(np.random.default_rng(5)))


def test_a_small_thing_is_called_small_some_of_the_time(gallery: Gallery) -> None:
    scene = Scene((Thing(CAT, SUBJECTS[CAT].code, "3d", size=0.3),), size="small")
    random = np.random.default_rng(6)
    said = [bool(re.search(r"\b(small|little|tiny)\b", scene.words(random))) for _ in range(100)]
    assert 0.5 < sum(said) / len(said) < 0.9


@pytest.mark.parametrize("name", list(HUES))
def test_a_plain_ground_has_the_colour_of_its_word(name: str) -> None:
    random = np.random.default_rng(7)
    for _ in range(20):
        first = grounds.tint(name, random)
        assert background_colour(Image.fromarray(grounds.draw(Ground("plain", name, first, first), 64, 48))) == name


@pytest.mark.parametrize("kind", ["gradient", *grounds.PLACES])
def test_a_place_is_the_same_each_time_and_not_one_colour(kind: str) -> None:
    ground = Ground(kind, "", (255, 0, 0), (0, 0, 255), seed=8)
    first = grounds.draw(ground, 96, 64)
    assert first.shape == (64, 96, 3)
    assert np.array_equal(first, grounds.draw(ground, 96, 64))
    assert first.reshape(-1, 3).std(axis=0).max() > 3


def test_every_named_picture_shows_a_subject() -> None:
    codes = {code for subject in SUBJECTS for code in subject.codes}
    assert set(icon_names.FIREFOX) | set(icon_names.STREAMLINE) <= codes
