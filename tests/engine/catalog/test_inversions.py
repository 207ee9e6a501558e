"""Textual inversions of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.api import Inversion
from engine.catalog import CatalogError, load_catalog

MODELS = """
[one]
family = "sd1"
title = "One"
licence = "none"
description = "random"
source = { folder = "one" }

[two]
family = "sdxl"
title = "Two"
licence = "none"
description = "random"
source = { folder = "two" }
"""
TOY = """
[inversions.toy]
family = "sd1"
licence = "MIT"
revision = "3"
source = { file = "words/toy.safetensors" }
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "models.toml"
    path.write_text(text)
    return path


def test_an_inversion_belongs_to_the_models_of_its_family(tmp_path: Path) -> None:
    one, two = load_catalog(write(tmp_path, MODELS + TOY), tmp_path / "own").entries
    assert one.info.inversions == (Inversion("toy", "3"),)
    assert one.inversions == {Inversion("toy", "3"): tmp_path / "words" / "toy.safetensors"}
    assert two.info.inversions == ()


def test_a_word_may_be_another_than_the_table_and_one_from_this_machine_takes_its_place(tmp_path: Path) -> None:
    own = '[inversions.mine]\nword = "Toy"\nfamily = "sd1"\nlicence = "own"\nsource = { file = "/toy.safetensors" }\n'
    write(tmp_path / "own", own)
    one, _ = load_catalog(write(tmp_path, MODELS + TOY), tmp_path / "own").entries
    assert one.inversions == {Inversion("Toy", "1"): Path("/toy.safetensors")}


@pytest.mark.parametrize(
    ("line", "other", "complaint"),
    [
        ('family = "sd1"', 'family = "flux"', "family must be one of"),
        ('licence = "MIT"', "", "must name family, licence"),
        ('licence = "MIT"', "licence = 3", "must name family, licence"),
        ('revision = "3"', "revision = 3", "revision must be a text"),
        ('revision = "3"', 'vectors = "3"', "must be a table of"),
        ("words/toy.safetensors", "words/toy.pt", "can run code"),
        ('file = "words/toy.safetensors"', 'folder = "words"', "must be one file"),
    ],
)
def test_an_entry_that_is_wrong_is_named(tmp_path: Path, line: str, other: str, complaint: str) -> None:
    path = write(tmp_path, MODELS + TOY.replace(line, other))
    with pytest.raises(CatalogError, match=rf"models\.toml: \[inversions\.toy\] .*{complaint}"):
        load_catalog(path, tmp_path / "own")
