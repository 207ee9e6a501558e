"""Packages are fetched by exact version, and pictures are placed where they are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.pocket.scoring.colours import main_colour
from engine.pocket.training import data, paint, render

SQUARE = np.zeros((128, 128, 4), dtype=np.uint8)
SQUARE[32:96, 32:64] = (255, 0, 0, 255)


def put(folder: Path, package: data.Package, **changes: str) -> None:
    target = folder / package.folder
    target.mkdir(parents=True)
    manifest = {"name": package.name, "version": package.version, "license": package.licence, **changes}
    (target / "package.json").write_text(json.dumps(manifest))


def test_a_package_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    put(tmp_path, data.NOTO)
    assert data.fetch(data.NOTO, tmp_path) == tmp_path / "iconify-json-noto-1.2.9"


@pytest.mark.parametrize("changes", [{"version": "1.2.8"}, {"license": "CC-BY-SA-4.0"}, {"name": "noto"}])
def test_a_package_of_another_version_or_licence_is_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    put(tmp_path, data.NOTO, **changes)
    with pytest.raises(ValueError, match="delete the folder"):
        data.fetch(data.NOTO, tmp_path)


def test_only_licences_that_allow_sharing_the_weights_are_used() -> None:
    assert {package.licence for package in data.PACKAGES} == {"Apache-2.0", "CC-BY-4.0", "MIT"}


def test_drawings_of_other_sets_in_an_older_work_folder_are_drawn_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def drawn(*_: object) -> dict[tuple[str, str], np.ndarray]:
        made.append("drawn")
        return {("1f34e", kind): SQUARE for kind in ("twemoji", "emojione")}

    monkeypatch.setattr(render, "_render_vectors", drawn)
    np.save(tmp_path / "unseen.npy", SQUARE[None])
    (tmp_path / "unseen.json").write_text(json.dumps([["1f34e", "blob"]]))
    first, again = render.open_unseen(tmp_path, tmp_path), render.open_unseen(tmp_path, tmp_path)
    assert first.index == again.index == {("1f34e", "twemoji"): 0, ("1f34e", "emojione"): 1}
    assert made == ["drawn"]


def test_a_picture_lies_on_the_colour_it_is_given() -> None:
    drawn = render.compose(SQUARE, (0, 0, 255))
    assert drawn.shape == (128, 128, 3)
    assert drawn[0, 0].tolist() == [0, 0, 255]
    assert drawn[64, 48].tolist() == [255, 0, 0]


def test_a_flipped_picture_is_its_mirror_image() -> None:
    assert np.array_equal(render.compose(SQUARE, flip=True), render.compose(SQUARE)[:, ::-1])


def test_a_smaller_picture_can_be_shifted_to_the_edge() -> None:
    full = np.full((128, 128, 4), (255, 0, 0, 255), dtype=np.uint8)
    drawn = render.compose(full, scale=0.5, shift=(1.0, -1.0))
    assert drawn[0, 127].tolist() == [255, 0, 0]
    assert drawn[127, 0].tolist() == [255, 255, 255]


def test_paint_changes_the_main_colour_and_nothing_else() -> None:
    car = np.zeros((128, 128, 4), dtype=np.uint8)
    car[20:100] = (220, 30, 40, 255)
    car[60:70, 60:70] = (120, 190, 250, 255)
    car[0:10] = (255, 255, 255, 255)
    blue = paint.painted(car, paint.PAINTS["blue"])
    assert main_colour(Image.fromarray(blue[20:100, :50, :3])) == "blue"
    assert np.abs(blue[60:70, 60:70].astype(int) - car[60:70, 60:70]).max() <= 2
    assert np.array_equal(blue[0:10], car[0:10])


@pytest.mark.parametrize("name", list(paint.PAINTS))
def test_every_paint_is_the_colour_of_its_name(name: str) -> None:
    assert main_colour(Image.fromarray(paint.painted(SQUARE, paint.PAINTS[name])[40:60, 40:60, :3])) == name
