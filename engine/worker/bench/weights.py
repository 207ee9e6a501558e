"""Models with random weights in diffusers' folder format: for speed alone, since what they draw is noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

_SEED = 20
_TOKENS = 514
_UNUSED = 2.0

TINY: Mapping[str, Mapping[str, Any]] = {
    "unet": {
        "sample_size": 8,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "attention_head_dim": 2,
        "cross_attention_dim": 32,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    },
    "vae": {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "block_out_channels": (8, 8, 16, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "sample_size": 64,
        "scaling_factor": 0.5,
    },
    "text_encoder": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 32,
    },
}
"""So small that the work around the UNet's kernels is all there is to a step."""

SD15: Mapping[str, Mapping[str, Any]] = {
    "unet": {
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "attention_head_dim": 8,
        "cross_attention_dim": 768,
        "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
    },
    "vae": {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "sample_size": 512,
    },
    "text_encoder": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "projection_dim": 768,
    },
}
"""Source: the configurations of stable-diffusion-v1-5/stable-diffusion-v1-5."""

SHAPES = {"tiny": TINY, "sd15": SD15}


def write_model(shape: str, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write a model: a pipeline and a small safety checker that passes its proof and blocks next to nothing.

    Args:
        shape: one of SHAPES.
        folder: made if it is missing.
        dtype: of the weights.
    """
    torch.manual_seed(_SEED)
    parts = SHAPES[shape]
    pipeline = StableDiffusionPipeline(
        vae=_vae(parts["vae"]),
        text_encoder=_text_encoder(parts["text_encoder"]),
        tokenizer=_tokenizer(),
        unet=UNet2DConditionModel(**parts["unet"]),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=_safety_checker(),
        feature_extractor=CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        requires_safety_checker=True,
    )
    pipeline.to(dtype).save_pretrained(folder, safe_serialization=True)


def _vae(config: Mapping[str, Any]) -> AutoencoderKL:
    vae = AutoencoderKL(**config)
    vae.decoder.conv_out.weight.data *= 3  # so that pictures are not all grey
    return vae


def _text_encoder(config: Mapping[str, Any]) -> CLIPTextModel:
    last = _TOKENS - 1
    return CLIPTextModel(
        CLIPTextConfig(vocab_size=_TOKENS, bos_token_id=last - 1, eos_token_id=last, pad_token_id=last, **config)
    )


def _tokenizer() -> CLIPTokenizer:
    """Return a tokenizer of single bytes."""
    return CLIPTokenizer(vocab=_vocabulary(sorted(ByteLevel.alphabet())), merges=[], model_max_length=77)


def _vocabulary(symbols: Iterable[str]) -> dict[str, int]:
    symbols = list(symbols)
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}


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
