"""`easel models gate`: an owner measures a safety gate on pictures of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.pocket import PROOF

HUB_MODEL = """
[model]
title = "Model"
family = "sd1"
licence = "open"
restrictions = ""
description = "draws"
source = { hub = "owner/model", revision = "main" }
"""


def test_pictures_are_counted_by_detector_and_blocked_ones_tried_in_other_shapes(
    tmp_path: Path, models_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("blocked.png", "plain.png"):
        shutil.copy(PROOF / name, folder / name)
    (folder / "notes.txt").write_text("no picture")

    assert main(["models", "gate", "pocket", str(folder)]) == 0

    said = capfd.readouterr()
    lines = [line.strip() for line in said.out.splitlines()]
    assert lines[:2] == ["pictures that pocket's gate judged: 2", "held back: 1 (50.0%); checker 1"]
    assert len(lines) == 8
    assert lines[-1] == "4:1: left or top 100.0%, middle 100.0%, right or bottom 100.0%"
    assert "notes.txt is left out. The file is no whole PNG, JPEG or WebP picture." in said.err


def test_a_folder_without_pictures_is_said(tmp_path: Path, models_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "gate", "pocket", str(tmp_path)]) == 1
    assert capfd.readouterr().err == f"There is no PNG, JPEG or WebP picture in {tmp_path}.\n"


@pytest.mark.parametrize(
    ("id", "folder", "sentence"),
    [
        ("nobody", ".", "There is no model called 'nobody'. Known models: pocket"),
        ("pocket", "nowhere", "nowhere is no folder. Name one with PNG, JPEG or WebP pictures."),
        ("model", ".", "The safety checker of model is not here yet: easel models pull model"),
    ],
)
def test_what_cannot_be_judged_is_said_before_anything_is_loaded(
    id: str, folder: str, sentence: str, tmp_path: Path, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = []
    if id == "model":
        file = tmp_path / "models.toml"
        file.write_text(HUB_MODEL)
        arguments = ["--models-file", str(file)]
    assert main(["models", *arguments, "gate", id, folder]) == 2
    assert sentence in capsys.readouterr().err
