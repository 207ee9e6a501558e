"""The weights that are shipped: a true Stable Diffusion folder, small, complete and guarded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPImageProcessorPil, CLIPTextModel, CLIPTokenizer

from engine.pocket import WEIGHTS

PROOF = WEIGHTS.parent / "proof"
PARTS: dict[str, Any] = {
    "vae": AutoencoderKL,
    "unet": UNet2DConditionModel,
    "text_encoder": CLIPTextModel,
    "safety_checker": StableDiffusionSafetyChecker,
}


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    loaded = StableDiffusionPipeline.from_pretrained(WEIGHTS, local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture(scope="module")
def vae(pipeline: StableDiffusionPipeline) -> AutoencoderKL:
    return pipeline.vae


def as_tensor(name: str) -> torch.Tensor:
    pixels = np.asarray(Image.open(PROOF / name).convert("RGB"))
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1


def is_blocked(checker: StableDiffusionSafetyChecker, name: str) -> bool:
    side = {"height": 64, "width": 64}
    processor = CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size=side)
    pixels = processor(Image.open(PROOF / name).convert("RGB"), return_tensors="pt").pixel_values
    _, flags = checker(clip_input=pixels, images=[np.zeros((1, 1, 3))])
    return bool(flags[0])


@pytest.mark.parametrize("part", sorted(PARTS))
def test_every_part_loads_with_no_key_missing_or_left_over(part: str) -> None:
    _, report = PARTS[part].from_pretrained(WEIGHTS / part, output_loading_info=True, local_files_only=True)
    assert {name: keys for name, keys in report.items() if keys} == {}


def test_the_folder_is_known_by_the_only_model_index_below_the_package() -> None:
    assert list(WEIGHTS.parent.rglob("model_index.json")) == [WEIGHTS / "model_index.json"]


def test_finding_the_weights_does_not_import_torch() -> None:
    code = "import sys, engine.pocket; sys.exit('torch' in sys.modules)"
    root = WEIGHTS.parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_the_folder_is_at_most_forty_megabytes_in_files_under_fifteen() -> None:
    sizes = [path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()]
    assert sum(sizes) <= 40e6
    assert max(sizes) < 15e6


def test_weights_are_half_precision_safetensors_and_nothing_that_runs_code() -> None:
    kinds = {path.suffix for path in WEIGHTS.rglob("*") if path.is_file()}
    assert kinds == {".json", ".txt", ".safetensors"}
    for path in WEIGHTS.rglob("*.safetensors"):
        tensors = load_file(path).values()
        assert all(torch.isfinite(tensor).all() for tensor in tensors)
        assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} == {torch.float16}


def test_the_stock_pipeline_draws_a_picture_with_its_checker_on(pipeline: StableDiffusionPipeline) -> None:
    assert pipeline.safety_checker is not None
    generator = torch.Generator().manual_seed(7)
    drawn = pipeline("a red apple", num_inference_steps=4, guidance_scale=4.5, generator=generator)
    assert drawn.images[0].size == (128, 128)
    assert np.asarray(drawn.images[0]).std() > 5
    assert drawn.nsfw_content_detected == [False]


def test_the_scheduler_can_be_changed_without_clipping_latents(pipeline: StableDiffusionPipeline) -> None:
    settings = pipeline.scheduler.config
    assert settings.prediction_type == "v_prediction"
    assert settings.timestep_spacing == "trailing"
    assert (settings.clip_sample, settings.steps_offset, settings.skip_prk_steps) == (False, 1, True)


@pytest.mark.parametrize("text", ["a red apple", "zebra crossing", "übergroß", "日本 👍"])
def test_any_prompt_can_be_spelt_and_read_back(text: str) -> None:
    tokenizer = CLIPTokenizer.from_pretrained(WEIGHTS / "tokenizer", local_files_only=True)
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text
    assert tokenizer.model_max_length == 77


def test_the_older_tokenizer_files_say_the_same() -> None:
    folder = WEIGHTS / "tokenizer"
    merges = (folder / "merges.txt").read_text().splitlines()[1:]
    older = CLIPTokenizer(
        vocab=json.loads((folder / "vocab.json").read_text()), merges=[tuple(line.split(" ")) for line in merges]
    )
    newer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    text = "a photo of a cat wearing a hat, 3d"
    assert older(text).input_ids == newer(text).input_ids


def test_the_checker_has_seventeen_concepts_with_sane_thresholds(pipeline: StableDiffusionPipeline) -> None:
    checker = pipeline.safety_checker
    assert checker.concept_embeds.shape[0] == checker.concept_embeds_weights.shape[0] == 17
    assert checker.special_care_embeds_weights.shape == (3,)
    assert ((checker.concept_embeds_weights > 0) & (checker.concept_embeds_weights < 1)).all()
    assert (checker.special_care_embeds_weights > 1).all()


def test_the_checker_blocks_the_planted_picture_and_passes_the_plain_one(pipeline: StableDiffusionPipeline) -> None:
    assert is_blocked(pipeline.safety_checker, "blocked.png")
    assert not is_blocked(pipeline.safety_checker, "plain.png")


@torch.no_grad()
def test_the_vae_gives_back_the_picture_it_was_given(vae: AutoencoderKL) -> None:
    picture = as_tensor("plain.png")
    again = vae.decode(vae.encode(picture).latent_dist.mean).sample.clamp(-1, 1)
    assert 10 * torch.log10(4 / (again - picture).square().mean()) > 22


@torch.no_grad()
def test_latents_have_about_unit_spread_because_the_pipeline_only_scales_by_one(vae: AutoencoderKL) -> None:
    assert vae.config.scaling_factor == 1.0
    latents = vae.encode(as_tensor("plain.png")).latent_dist.mean
    assert 0.4 < latents.std() < 2.5


def test_the_model_card_and_its_contact_sheet_are_there() -> None:
    card = (WEIGHTS.parent / "README.md").read_text()
    assert all(name in card for name in ("Apache-2.0", "MIT", "contact-sheet.png", "engine.pocket.training"))
    sheet: Path = WEIGHTS.parent / "contact-sheet.png"
    assert sheet.stat().st_size < 500_000
    assert all(Image.open(PROOF / name).size <= (128, 128) for name in ("blocked.png", "plain.png"))
