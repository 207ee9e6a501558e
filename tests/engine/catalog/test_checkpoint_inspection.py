"""Files are looked at before they are loaded, and what cannot be drawn with is named."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.catalog import FAMILIES, Source
from engine.catalog.checkpoint_inspection import ContentsError, inspect

Change = Callable[[Path], Any]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_says_its_family_and_what_it_predicts(family: str, family_folder: Callable[..., Path]) -> None:
    found = inspect(Source(family_folder(family)))
    assert found.family is FAMILIES[family]
    assert found.prediction_type == ("v_prediction" if family == "sd2" else "epsilon")
    assert found.size == sum(file.stat().st_size for file in family_folder(family).rglob("*.safetensors"))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_says_its_family(family: str, family_file: Callable[..., Path]) -> None:
    file = family_file(family)
    found = inspect(Source(file.parent, file=file.name))
    assert (found.family, found.prediction_type) == (FAMILIES[family], None)
    assert found.size == file.stat().st_size


def edit(folder: Path, file: str, **changes: Any) -> None:
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def only_a_pickle(folder: Path) -> None:
    (file,) = (folder / "unet").glob("*.safetensors")
    file.rename(file.with_suffix(".bin"))


def shards_elsewhere(folder: Path) -> None:
    (file,) = (folder / "vae").glob("*.safetensors")
    file.with_suffix(".safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "../../secret.safetensors"}})
    )


def truncated(folder: Path) -> None:
    (file,) = (folder / "unet").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda folder: shutil.rmtree(folder), "there is no folder"),
        (lambda folder: (folder / "model_index.json").unlink(), "model_index.json is missing"),
        (lambda folder: (folder / "model_index.json").write_text("{"), "model_index.json is not JSON"),
        (lambda folder: (folder / "model_index.json").write_text("[]"), "model_index.json does not hold a table"),
        (lambda folder: (folder / "vae" / "config.json").unlink(), "vae/config.json is missing"),
        (lambda folder: (folder / "tokenizer" / "tokenizer.json").unlink(), "tokenizer has no vocabulary"),
        (only_a_pickle, "unet has no safetensors weights, only a format that can run code"),
        (shards_elsewhere, "names files outside of its folder"),
        (truncated, "is incomplete: 10 bytes are missing"),
        (lambda folder: edit(folder, "model_index.json", _class_name="FluxPipeline"), "made for FluxPipeline"),
        (
            lambda folder: edit(folder, "model_index.json", unet=["my_code", "MyUNet"]),
            "unet must be of the class UNet2DCondition",
        ),
        (lambda folder: edit(folder, "model_index.json", vae=[None, None]), "vae must be of the class AutoencoderKL"),
        (lambda folder: edit(folder, "unet/config.json", in_channels=9), "its UNet takes 9 channels"),
    ],
)
def test_a_folder_that_cannot_be_drawn_with_is_named(
    change: Change, sentence: str, family_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(family_folder("sd1"), tmp_path / "model"))
    change(folder)
    with pytest.raises(ContentsError, match=sentence):
        inspect(Source(folder))


def test_the_refiner_is_no_model_to_draw_with(family_folder: Callable[..., Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(family_folder("sdxl"), tmp_path / "model"))
    edit(folder, "model_index.json", text_encoder=[None, None])
    with pytest.raises(ContentsError, match="refiner"):
        inspect(Source(folder))


def safetensors(header: object, body: int = 0) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(body)


def tensors(*names: str, channels: int = 4) -> bytes:
    entry = {"dtype": "F16", "shape": [8, channels, 3, 3], "data_offsets": [0, 0]}
    return safetensors(dict.fromkeys(names, entry))


UNET = "model.diffusion_model.input_blocks.0.0.weight"
VAE = "first_stage_model.encoder.conv_in.weight"
CLIP = "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (tensors("lora_unet_x.lora_up.weight"), "it is a LoRA, a VAE or another model"),
        (tensors(UNET, VAE), "it holds no text encoder"),
        (tensors(UNET, CLIP), "holds no VAE"),
        (tensors(UNET, VAE, CLIP, channels=9), "its UNet takes 9 channels"),
        (tensors(UNET, VAE, "conditioner.embedders.0.model.positional_embedding"), "refiner"),
        (b"", "is no safetensors file"),
        (b"PK\x03\x04 a pickle in a zip file, as .ckpt files are", "is no safetensors file"),
        (struct.pack("<Q", 2**40) + b"{}", "is no safetensors file"),
        (safetensors([1, 2]), "is no safetensors file"),
        (safetensors({"a": {"dtype": "F16"}}), "is no safetensors file"),
        (safetensors({"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}, 3), "is incomplete: 1 bytes"),
    ],
)
def test_a_file_that_cannot_be_drawn_with_is_named(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ContentsError, match=sentence):
        inspect(Source(tmp_path, file="x.safetensors"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentsError, match="there is no file"):
        inspect(Source(tmp_path, file="x.safetensors"))
