"""Every family loads from a folder and from one file, and what is not what it claims to be is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from engine.catalog import FAMILIES, Catalog, ModelEntry, Source
from engine.catalog.checkpoint_inspection import ContentsError
from engine.catalog.families import BLUEPRINTS
from engine.worker.loading.pipelines import load_pipeline
from engine.worker.loading.single_file import make_tokenizers
from engine.worker.runtime.device import Device

Load = Callable[..., Any]
PUBLIC_PARAMETERS = {
    "sd1": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "sd2": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sdxl": {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    },
}


@pytest.fixture
def load(make_catalog: Callable[..., Catalog], device: Device) -> Load:
    """Load a source as a family."""

    def do(source: Source, family: str, device: Device = device, prediction_type: str | None = None) -> Any:
        (entry,) = make_catalog(source.folder).entries
        info = replace(entry.info, family=family)
        return load_pipeline(ModelEntry(info, source, entry.safety_checker, prediction_type), device)

    return do


def state(pipeline: Any) -> dict[str, torch.Tensor]:
    parts = ("unet", "vae", "text_encoder", "text_encoder_2")
    return {
        f"{part}.{name}": tensor
        for part in parts
        if getattr(pipeline, part, None) is not None
        for name, tensor in getattr(pipeline, part).state_dict().items()
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_one_file_gives_the_same_tensors_and_tokens_as_the_folder(
    family: str, load: Load, family_folder: Callable[..., Path], family_file: Callable[..., Path]
) -> None:
    folder, file = family_folder(family), family_file(family)
    from_folder = load(Source(folder), family)
    from_file = load(Source(file.parent, file=file.name, config=folder), family)
    expected, loaded = state(from_folder), state(from_file)
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)
    assert type(from_file) is type(from_folder)
    assert from_file.tokenizer("a cat").input_ids == from_folder.tokenizer("a cat").input_ids
    assert from_file.scheduler.config.prediction_type == from_folder.scheduler.config.prediction_type


def test_stable_diffusion_2_predicts_v_unless_its_entry_says_otherwise(
    load: Load, family_file: Callable[..., Path], family_folder: Callable[..., Path]
) -> None:
    file = family_file("sd2")
    source = Source(file.parent, file=file.name, config=family_folder("sd2"))
    assert load(source, "sd2").scheduler.config.prediction_type == "v_prediction"
    assert load(source, "sd2", prediction_type="epsilon").scheduler.config.prediction_type == "epsilon"


def test_a_file_that_says_it_predicts_v_is_believed(
    load: Load, family_file: Callable[..., Path], family_folder: Callable[..., Path], tmp_path: Path
) -> None:
    tensors = load_file(family_file("sdxl"))
    save_file({**tensors, "v_pred": torch.zeros(1)}, tmp_path / "v.safetensors")
    source = Source(tmp_path, file="v.safetensors", config=family_folder("sdxl"))
    assert load(source, "sdxl").scheduler.config.prediction_type == "v_prediction"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("claimed", FAMILIES)
def test_files_of_another_family_than_their_entry_are_refused(
    family: str,
    claimed: str,
    load: Load,
    family_folder: Callable[..., Path],
    family_file: Callable[..., Path],
) -> None:
    file = family_file(family)
    for source in (Source(family_folder(family)), Source(file.parent, file=file.name, config=family_folder(family))):
        if family == claimed:
            assert load(source, claimed) is not None
        else:
            with pytest.raises(ContentsError, match=rf"family '{family}'.* says '{claimed}'"):
                load(source, claimed)


def test_sdxls_vae_stays_in_float32_where_the_rest_is_float16(
    load: Load, family_folder: Callable[..., Path], device: Device
) -> None:
    half = replace(device, dtype=torch.float16)
    pipeline = load(Source(family_folder("sdxl")), "sdxl", half)
    assert (pipeline.unet.dtype, pipeline.vae.dtype) == (torch.float16, torch.float32)
    pipeline = load(Source(family_folder("sd1")), "sd1", half)
    assert (pipeline.unet.dtype, pipeline.vae.dtype) == (torch.float16, torch.float16)


def test_weights_of_a_variant_are_read_where_the_entry_names_it(
    load: Load, family_folder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(family_folder("sd1"), tmp_path / "model"))
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))
    assert (
        state(load(Source(folder, variant="fp16"), "sd1")).keys()
        == state(load(Source(family_folder("sd1")), "sd1")).keys()
    )
    with pytest.raises(ContentsError, match="has no weights"):
        load(Source(folder), "sd1")


def test_a_file_that_lacks_tensors_is_refused(
    load: Load, family_file: Callable[..., Path], family_folder: Callable[..., Path], tmp_path: Path
) -> None:
    tensors = load_file(family_file("sd1"))
    del tensors["model.diffusion_model.middle_block.1.norm.weight"]
    save_file(tensors, tmp_path / "short.safetensors")
    with pytest.raises(ContentsError, match="lacks tensors of its UNet"):
        load(Source(tmp_path, file="short.safetensors", config=family_folder("sd1")), "sd1")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_blueprints_are_the_public_models(family: str) -> None:
    folder = BLUEPRINTS / family
    with init_empty_weights():
        parts = {
            "unet": UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet")),
            "vae": AutoencoderKL.from_config(AutoencoderKL.load_config(folder / "vae")),
            "text_encoder": CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder")),
        }
        if family == "sdxl":
            config = CLIPTextConfig.from_pretrained(folder / "text_encoder_2")
            parts["text_encoder_2"] = CLIPTextModelWithProjection(config)
    counted = {name: sum(tensor.numel() for tensor in part.parameters()) for name, part in parts.items()}
    assert counted == PUBLIC_PARAMETERS[family]
    index = json.loads((folder / "model_index.json").read_text())
    assert index["_class_name"] == FAMILIES[family].pipeline


def test_the_blueprints_tokens_are_clips() -> None:
    first, second = make_tokenizers(BLUEPRINTS / "sdxl", FAMILIES["sdxl"]).values()
    tokens = first("A photo of a cat", padding="max_length").input_ids
    assert tokens[:8] == [49406, 320, 1125, 539, 320, 2368, 49407, 49407]
    assert second("A photo of a cat", padding="max_length").input_ids[:8] == [
        49406,
        320,
        1125,
        539,
        320,
        2368,
        49407,
        0,
    ]
    assert len(tokens) == 77
