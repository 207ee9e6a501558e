"""Stable Diffusion 1.x, 2.x and XL: each with its public configuration scaled down, and random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.catalog import SCHEDULERS
from engine.worker.jobs import WorkerJob
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.loading.proofs import RowRules
from engine.worker.sampling.batch import decode, pack
from engine.worker.sampling.buckets import work_in_pairs
from engine.worker.sampling.steps import advance

FAMILIES = ("sd1", "sd2", "sdxl")
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@dataclass(frozen=True)
class Family:
    """A model as a worker holds it, and beside it the stock pipeline with the same weights.

    Args:
        model: ours; its gate is the tiny model's, since nothing is reviewed here.
        stock: diffusers'.
        recipe: what it draws in a moment.
    """

    model: LoadedModel
    stock: Any
    recipe: Recipe

    def stock_latents(self, recipe: Recipe) -> Tensor:
        """Draw a recipe's first image with the stock pipeline; give back the latents, (channels, height, width)."""
        return self._draw(recipe, "latent")

    def stock_pixels(self, recipe: Recipe) -> Tensor:
        """The same; give back the pixels, (3, height, width), 0.0 to 1.0."""
        return self._draw(recipe, "pt")

    def _draw(self, recipe: Recipe, output_type: str) -> Tensor:
        import diffusers

        spec = SCHEDULERS[recipe.scheduler]
        own = self.model.pipeline.scheduler.config
        self.stock.scheduler = getattr(diffusers, spec.class_name).from_config(own, **spec.changes)
        return self.stock(  # type: ignore[no-any-return]
            recipe.prompt,
            negative_prompt=recipe.negative_prompt or None,
            width=recipe.width,
            height=recipe.height,
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(recipe.images[0].seed),
            output_type=output_type,
        ).images[0]


@pytest.fixture(scope="session", params=FAMILIES)
def family(request: pytest.FixtureRequest, make_family: Callable[[str], Family]) -> Family:
    """Each of the three in turn."""
    return make_family(request.param)


@pytest.fixture(scope="session")
def sdxl(make_family: Callable[[str], Family]) -> Family:
    return make_family("sdxl")


@pytest.fixture(scope="session")
def make_family(tiny: LoadedModel, recipe: Recipe) -> Callable[[str], Family]:
    """Give back one of the three, made the first time."""
    made: dict[str, Family] = {}

    def make(name: str) -> Family:
        if name not in made:
            ours, stock = _pipeline(name), _pipeline(name)
            work_in_pairs(ours.unet)
            rules = RowRules(ours.unet, 16, exact=True)
            model = LoadedModel(ours, tiny.gate, rules, exact=True, where=tiny.where, wide=tiny.wide)
            made[name] = Family(model, stock, replace(recipe, model=name))
        return made[name]

    return make


@pytest.fixture
def make_stock() -> Callable[[str], Any]:
    """Give back the stock pipeline of a family for a test to change."""
    return _pipeline


@pytest.fixture(scope="session")
def draw_together(
    request_for: Callable[..., GenerationRequest], begin_proven: Callable[[GenerationRequest, LoadedModel], WorkerJob]
) -> Callable[..., tuple[list[Tensor], list[Tensor]]]:
    """Draw the recipes' images in one batch, each joining one step after the one before; give back latents, pixels."""

    def draw(model: LoadedModel, *recipes: Recipe) -> tuple[list[Tensor], list[Tensor]]:
        waiting = [image for recipe in recipes for image in begin_proven(request_for(recipe), model).image_states]
        image_states = list(waiting)
        under_way = [waiting.pop(0)]
        while batch := pack(under_way, 16, {}):
            advance(batch)
            under_way += [waiting.pop(0)] if waiting else []
        return [image.latents[0] for image in image_states], [decode(image) for image in image_states]

    return draw


@pytest.fixture(scope="session")
def varied() -> Callable[[Recipe, int], Recipe]:
    """Change a recipe so that no two of a batch agree in anything they need not agree in."""

    def change(recipe: Recipe, number: int) -> Recipe:
        return replace(
            recipe,
            prompt=recipe.prompt + "!" * number,
            negative_prompt="blue" * (number % 2),
            scheduler=tuple(SCHEDULERS)[number % len(SCHEDULERS)],
            steps=3 + number % 3,
            guidance_scale=(3.0, 7.5, 1.0)[number % 3],
            images=(ImageSeed(number),),
        )

    return change


def _pipeline(family: str) -> Any:
    torch.manual_seed(21)
    pipeline = {"sd1": _sd1, "sd2": _sd2, "sdxl": _sdxl}[family]()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _sd1() -> Any:
    return StableDiffusionPipeline(
        vae=_vae(0.18215),
        text_encoder=CLIPTextModel(_text_config(32, "quick_gelu", 2)),
        tokenizer=_tokenizer("<|endoftext|>"),
        unet=_unet(32, heads=8),
        scheduler=PNDMScheduler(**BETAS, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1),
        **_WITHOUT_CHECKER,
    )


def _sd2() -> Any:
    return StableDiffusionPipeline(
        vae=_vae(0.18215),
        text_encoder=CLIPTextModel(_text_config(48, "gelu", 3)),
        tokenizer=_tokenizer("!"),
        unet=_unet(48, heads=(2, 4), use_linear_projection=True),
        scheduler=DDIMScheduler(
            **BETAS, prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, steps_offset=1
        ),
        **_WITHOUT_CHECKER,
    )


def _sdxl() -> Any:
    return StableDiffusionXLPipeline(
        vae=_vae(0.13025, force_upcast=True),
        text_encoder=CLIPTextModel(_text_config(32, "quick_gelu", 3)),
        text_encoder_2=CLIPTextModelWithProjection(_text_config(48, "gelu", 4, eos_token_id=2)),
        tokenizer=_tokenizer("<|endoftext|>"),
        tokenizer_2=_tokenizer("!"),
        unet=_unet(
            32 + 48,
            heads=(2, 4),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=24 + 6 * 8,
        ),
        scheduler=EulerDiscreteScheduler(**BETAS, steps_offset=1, timestep_spacing="leading"),
    )


_WITHOUT_CHECKER = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def _vae(scaling_factor: float, **options: Any) -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 16, 16),
        layers_per_block=1,
        norm_num_groups=4,
        scaling_factor=scaling_factor,
        **options,
    )


def _unet(features: int, heads: Any, **options: Any) -> UNet2DConditionModel:
    kinds = {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=heads,
        cross_attention_dim=features,
        **(kinds | options),
    )


def _text_config(size: int, activation: str, layers: int, eos_token_id: int = 513) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=514,
        hidden_size=size,
        intermediate_size=2 * size,
        num_hidden_layers=layers,
        num_attention_heads=2,
        hidden_act=activation,
        projection_dim=24,
        bos_token_id=512,
        eos_token_id=eos_token_id,
        initializer_factor=10.0,  # so that a word more or less shows in the picture
    )


def _tokenizer(padding: str) -> CLIPTokenizer:
    """Every character is a token. Stable Diffusion 2 and SDXL's second encoder are padded with exclamation marks."""
    symbols = sorted(ByteLevel.alphabet())
    tokens = [*symbols, *(f"{symbol}</w>" for symbol in symbols), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], pad_token=padding, model_max_length=77)
