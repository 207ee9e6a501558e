"""LoRAs of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.api import Lora
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
INK = """
[loras.ink]
family = "sd1"
licence = "MIT"
revision = "3"
source = { file = "loras/ink.safetensors" }
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "models.toml"
    path.write_text(text)
    return path


def test_every_model_knows_all_loras_and_has_the_files_of_its_family(tmp_path: Path) -> None:
    one, two = load_catalog(write(tmp_path, MODELS + INK), tmp_path / "own").entries
    assert one.info.loras == two.info.loras == (Lora("ink", "3", "sd1"),)
    assert one.loras == {Lora("ink", "3", "sd1"): tmp_path / "loras" / "ink.safetensors"}
    assert two.loras == {}


def test_one_from_this_machine_takes_the_place_of_one_with_its_name(tmp_path: Path) -> None:
    write(tmp_path / "own", '[loras.ink]\nfamily = "sdxl"\nlicence = "own"\nsource = { file = "/ink.safetensors" }\n')
    one, two = load_catalog(write(tmp_path, MODELS + INK), tmp_path / "own").entries
    assert one.loras == {}
    assert two.loras == {Lora("ink", "1", "sdxl"): Path("/ink.safetensors")}


@pytest.mark.parametrize(
    ("line", "other", "complaint"),
    [
        ("[loras.ink]", '[loras."../ink"]', "a LoRA's name is"),
        ('family = "sd1"', 'family = "flux"', "family must be one of"),
        ('licence = "MIT"', "", "must name its licence"),
        ('revision = "3"', "revision = 3", "revision must be a text"),
        ('revision = "3"', 'rank = "3"', "must be a table of"),
        ("loras/ink.safetensors", "loras/ink.pt", "can run code"),
        ('file = "loras/ink.safetensors"', 'folder = "loras"', "must be one file"),
    ],
)
def test_an_entry_that_is_wrong_is_named(tmp_path: Path, line: str, other: str, complaint: str) -> None:
    path = write(tmp_path, MODELS + INK.replace(line, other))
    with pytest.raises(CatalogError, match=rf"models\.toml: \[loras\.(ink|\.\./ink)\] .*{complaint}"):
        load_catalog(path, tmp_path / "own")
