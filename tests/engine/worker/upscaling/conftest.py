"""Tiny upscalers with random weights: networks in a file, pipelines in folders."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from engine.api import GenerationRequest, Recipe, Upscaler
from engine.catalog import Catalog, Source
from engine.catalog.models import with_upscalers
from engine.catalog.upscalers import UpscalerEntry
from tests.engine.worker.upscaling.networks import random_network

SIDE = 64


def entry_of(name: str, source: Source, factor: int) -> UpscalerEntry:
    return UpscalerEntry(Upscaler(name, name.title(), "1", factor), "none", source)


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[UpscalerEntry, ...]:
    """A network that makes pictures four times as large, "four", and one that makes them twice as large, "two"."""
    folder = tmp_path_factory.mktemp("networks")
    save_file(random_network(doublings=2), folder / "four.safetensors")
    save_file(random_network(doublings=2, fold=2), folder / "two.safetensors")
    return tuple(
        entry_of(name, Source(folder, file=f"{name}.safetensors"), factor) for name, factor in (("four", 4), ("two", 2))
    )


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> tuple[UpscalerEntry, ...]:
    """The two upscaling pipelines of diffusers, "x4" and "latent"."""
    torch.manual_seed(21)
    tokenizer = diffusers.StableDiffusionPipeline.from_pretrained(tiny_folder, safety_checker=None).tokenizer
    folder = tmp_path_factory.mktemp("pipelines")
    _x4(tokenizer).save_pretrained(folder / "x4", safe_serialization=True)
    _latent(tokenizer).save_pretrained(folder / "latent", safe_serialization=True)
    return tuple(entry_of(name, Source(folder / name), factor) for name, factor in (("x4", 4), ("latent", 2)))


@pytest.fixture
def with_all(
    networks: tuple[UpscalerEntry, ...],
    pipelines: tuple[UpscalerEntry, ...],
    make_catalog: Callable[..., Catalog],
    tiny_folder: Path,
) -> Catalog:
    """The tiny model and all of these."""
    return with_upscalers(make_catalog(tiny_folder), (*networks, *pipelines))


@pytest.fixture(scope="session")
def photograph() -> Image.Image:
    """A smooth picture that no gate minds."""
    noise = np.random.default_rng(5).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


@pytest.fixture
def enlarge(recipe: Recipe, photograph: Image.Image, with_all: Catalog) -> Callable[..., GenerationRequest]:
    """Ask for the photograph, or another picture, by an upscaler's name."""

    def ask(name: str, factor: int, job_id: str = "larger", picture: Image.Image = photograph) -> GenerationRequest:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        upscaler = next(each.upscaler for each in with_all.upscalers if each.upscaler.name == name)
        grown = recipe.upscaled(0, hashlib.sha256(buffer.getvalue()).hexdigest(), factor, upscaler)
        return GenerationRequest(grown, job_id, 1, 0.0, "guild:user", inputs=(buffer.getvalue(),))

    return ask


def _text_encoder(width: int) -> CLIPTextModel:
    sizes = {"intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "projection_dim": 32}
    tokens = {"vocab_size": 514, "bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513}
    return CLIPTextModel(CLIPTextConfig(hidden_size=width, **sizes, **tokens))


def _vae(blocks: int, scaling_factor: float) -> Any:
    vae = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        block_out_channels=(8, 8, 16, 16)[:blocks],
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=512,  # a tile's side
        scaling_factor=scaling_factor,
    )
    vae.decoder.conv_out.weight.data *= 3
    return vae


def _x4(tokenizer: Any) -> Any:
    unet = diffusers.UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=7,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=2,
        cross_attention_dim=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        num_class_embeds=1000,
        only_cross_attention=(True, False),
    )
    return diffusers.StableDiffusionUpscalePipeline(
        vae=_vae(3, 0.08333),
        text_encoder=_text_encoder(32),
        tokenizer=tokenizer,
        unet=unet,
        low_res_scheduler=diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        scheduler=diffusers.DDIMScheduler(prediction_type="v_prediction"),
    )


def _latent(tokenizer: Any) -> Any:
    # As in the public model, the timestep's condition is 128 numbers of a noise level, and the pooled text.
    unet = diffusers.UNet2DConditionModel(
        sample_size=SIDE // 4,
        in_channels=8,
        out_channels=5,
        block_out_channels=(32, 32, 64, 64),  # in groups of 32
        layers_per_block=1,
        norm_num_groups=None,
        attention_head_dim=8,
        cross_attention_dim=32,
        cross_attention_norm="group_norm",
        conv_in_kernel=1,
        conv_out_kernel=1,
        act_fn="gelu",
        down_block_types=("KDownBlock2D", *("KCrossAttnDownBlock2D",) * 3),
        up_block_types=(*("KCrossAttnUpBlock2D",) * 3, "KUpBlock2D"),
        mid_block_type=None,
        time_embedding_type="fourier",
        time_cond_proj_dim=128 + 32,
        timestep_post_act="gelu",
        resnet_time_scale_shift="scale_shift",
        only_cross_attention=False,
    )
    return diffusers.StableDiffusionLatentUpscalePipeline(
        vae=_vae(4, 0.5),
        text_encoder=_text_encoder(32),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(prediction_type="sample"),
    )
