"""Models with random weights in diffusers' folder format: for speed alone, since what they draw is noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from engine.catalog import FAMILIES, Family
from engine.catalog.families import BLUEPRINTS
from engine.worker.loading.single_file import make_tokenizers

_SEED = 20
_UNUSED = 2.0
_WITHOUT_CHECKER: dict[str, Any] = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def build_public(family: Family) -> Any:
    """Return a pipeline in the shape of the family's public model."""
    torch.manual_seed(_SEED)
    config = BLUEPRINTS / family.id
    index = json.loads((config / "model_index.json").read_text("utf-8"))
    parts: dict[str, Any] = dict(make_tokenizers(config, family))
    parts["scheduler"] = getattr(diffusers, index["scheduler"][1]).from_pretrained(config / "scheduler")
    for name, class_name in family.parts.items():
        if name.startswith("text_encoder"):
            encoder = CLIPTextConfig.from_pretrained(config / name)
            parts[name] = getattr(transformers, class_name)(encoder)
        elif name in ("unet", "vae"):
            model = getattr(diffusers, class_name)
            parts[name] = model.from_config(model.load_config(config / name))
    more = _WITHOUT_CHECKER if family.pipeline == StableDiffusionPipeline.__name__ else {}
    return getattr(diffusers, family.pipeline)(**parts, **more)


def build_tiny() -> Any:
    """Return a pipeline so small that the work around the UNet's kernels is all there is to a step."""
    torch.manual_seed(_SEED)
    tokenizers = make_tokenizers(BLUEPRINTS / "sd1", FAMILIES["sd1"])
    end = tokenizers["tokenizer"].eos_token_id
    return StableDiffusionPipeline(
        **tokenizers,
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                projection_dim=32,
                bos_token_id=end - 1,
                eos_token_id=end,
                pad_token_id=end,
            )
        ),
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(16, 32),
            layers_per_block=1,
            norm_num_groups=8,
            attention_head_dim=2,
            cross_attention_dim=32,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        ),
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 8, 16, 16),
            layers_per_block=1,
            norm_num_groups=4,
            sample_size=64,
            scaling_factor=0.5,
        ),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        **_WITHOUT_CHECKER,
    )


def write_model(pipeline: Any, folder: Path) -> None:
    """Write a model, and beside it a small safety checker that passes its proof and blocks next to nothing.

    Args:
        pipeline: of random weights.
        folder: made if it is missing.
    """
    pipeline.vae.decoder.conv_out.weight.data *= 3  # so that pictures are not all grey
    pipeline.save_pretrained(folder, safe_serialization=True)
    _safety_checker().save_pretrained(folder / "safety_checker", safe_serialization=True)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor.save_pretrained(folder / "feature_extractor")


def _safety_checker() -> StableDiffusionSafetyChecker:
    tower = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(vision_config=tower, text_config={"hidden_size": 32}, projection_dim=16)
    )
    for name, parameter in checker.named_parameters():
        if parameter.ndim > 1:
            parameter.data.normal_(0, 0.3)
        if name.endswith("embeds_weights"):
            parameter.data.fill_(_UNUSED)
    checker.concept_embeds_weights.data[:7] = 0.98
    return checker
