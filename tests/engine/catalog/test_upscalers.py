"""Upscalers of the catalogue, and what their files have to be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.api import Upscaler
from engine.catalog import CatalogError, Source, load_catalog
from engine.catalog.checkpoint_inspection import ContentsError
from engine.catalog.upscaler_inspection import X4, inspect_upscaler
from engine.catalog.upscalers import UpscalerEntry

MODELS = "".join(
    f'[{name}]\nfamily = "{family}"\ntitle = "A"\nlicence = "none"\ndescription = ""\nsource = {{ folder = "/a" }}\n'
    for name, family in (("one", "sd1"), ("two", "sdxl"))
)
CRISP = """
[upscalers."Crisp 4"]
title = "Crisp, fourfold"
licence = "BSD-3-Clause"
factor = 4
revision = "3"
source = { file = "upscalers/crisp.safetensors" }
"""
SOFT = '[upscalers.soft]\nlicence = "none"\nfactor = 2\nsource = { folder = "/soft", variant = "fp16" }\n'


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "models.toml"
    path.write_text(text)
    return path


def test_every_model_knows_all_upscalers_whatever_its_family(tmp_path: Path) -> None:
    catalog = load_catalog(write(tmp_path, MODELS + CRISP + SOFT), tmp_path / "own")
    crisp, soft = Upscaler("Crisp 4", "Crisp, fourfold", "3", 4), Upscaler("soft", "soft", "1", 2)
    assert [entry.info.upscalers for entry in catalog.entries] == [(crisp, soft)] * 2
    assert [entry.source for entry in catalog.upscalers] == [
        Source(tmp_path / "upscalers", file="crisp.safetensors"),
        Source(Path("/soft"), variant="fp16"),
    ]
    assert [entry.licence for entry in catalog.upscalers] == ["BSD-3-Clause", "none"]


def test_one_from_this_machine_takes_the_place_of_one_with_its_name(tmp_path: Path) -> None:
    write(tmp_path / "own", CRISP.replace("factor = 4", "factor = 2") + SOFT)
    catalog = load_catalog(write(tmp_path, MODELS + CRISP), tmp_path / "own")
    assert [(entry.upscaler.name, entry.upscaler.factor) for entry in catalog.upscalers] == [
        ("Crisp 4", 2),
        ("soft", 2),
    ]


@pytest.mark.parametrize(
    ("line", "other", "complaint"),
    [
        ('[upscalers."Crisp 4"]', '[upscalers."../crisp"]', "an upscaler's name is"),
        ('licence = "BSD-3-Clause"\n', "", "must name its licence"),
        ('title = "Crisp, fourfold"', "title = 4", "title and revision are texts"),
        ("factor = 4\n", "", "factor must be one of 2, 4, 8"),
        ("factor = 4", "factor = 3", "factor must be one of 2, 4, 8"),
        ("factor = 4", "factor = 4.0", "factor must be one of 2, 4, 8"),
        ("factor = 4", 'factor = 4\nfamily = "sd1"', "must be a table of factor, licence"),
        ("crisp.safetensors", "crisp.pth", "crisp.pth is no .safetensors file.*convert it to safetensors"),
        ('{ file = "upscalers/crisp.safetensors" }', '{ hub = "owner/name" }', "source must be { file ="),
        ('{ file = "upscalers/crisp.safetensors" }', '"crisp.safetensors"', "source must be { file ="),
    ],
)
def test_a_wrong_entry_is_named_with_what_to_write(tmp_path: Path, line: str, other: str, complaint: str) -> None:
    assert line in CRISP
    with pytest.raises(CatalogError, match=rf"models\.toml: \[upscalers\..*{complaint}"):
        load_catalog(write(tmp_path, MODELS + CRISP.replace(line, other)), tmp_path / "own")


def test_upscalers_must_be_tables(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"\[upscalers\] must hold a table for each"):
        load_catalog(write(tmp_path, "upscalers = 3\n" + MODELS), tmp_path / "own")


PARTS = {"text_encoder": "CLIPTextModel", "unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What looks like a pipeline that makes pictures four times as large."""
    index: dict[str, Any] = {"_class_name": X4, "tokenizer": ["transformers", "CLIPTokenizer"]}
    for part, kind in PARTS.items():
        index[part] = ["diffusers", kind]
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text("{}")
        stem = "model" if part == "text_encoder" else "diffusion_pytorch_model"
        save_file({"weight": np.zeros((2, 3), np.float32)}, tmp_path / part / f"{stem}.safetensors")
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "tokenizer.json").write_text("{}")
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    return tmp_path


def entry(folder: Path, factor: int = 4) -> UpscalerEntry:
    return UpscalerEntry(Upscaler("crisp", "Crisp", "1", factor), "none", Source(folder))


def test_a_pipelines_folder_is_told_by_its_class(folder: Path) -> None:
    found = inspect_upscaler(entry(folder))
    assert (found.pipeline, found.factor, found.plan, len(found.files)) == (X4, 4, None, 3)


def edit_index(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps(index | changes))

    return edit


def only_pickles(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (edit_index(_class_name="StableDiffusionPipeline"), "it is made for StableDiffusionPipeline"),
        (edit_index(unet=["own_code", "Unet"]), "unet must be of the class UNet2DConditionModel"),
        (only_pickles, "unet has no safetensors weights, only a format that can run code"),
        (lambda folder: (folder / "model_index.json").unlink(), "model_index.json is missing"),
        (lambda folder: (folder / "tokenizer" / "tokenizer.json").unlink(), "tokenizer has no vocabulary"),
    ],
)
def test_a_folder_of_anything_else_is_refused(folder: Path, change: Callable[[Path], None], complaint: str) -> None:
    change(folder)
    with pytest.raises(ContentsError, match=complaint):
        inspect_upscaler(entry(folder))


def test_files_for_another_factor_than_the_entry_says_are_refused(folder: Path) -> None:
    with pytest.raises(ContentsError, match="it makes pictures x4, and the catalogue says 2"):
        inspect_upscaler(entry(folder, 2))
