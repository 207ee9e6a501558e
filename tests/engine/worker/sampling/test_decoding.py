"""A VAE that overflows in half precision: its pictures are decoded once more in float32, and nobody else notices."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

from engine.api import Fault, ImageSeed, Recipe, Verdict
from engine.wire import Draw
from engine.worker.runtime.device import Device
from engine.worker.sampling.decoding import WideDecoding, decoded, decoded_wide

TWO = (ImageSeed(1), ImageSeed(2))
TOO_MUCH = 30_000.0
WARNING = "the VAE of tiny overflows in float16: such pictures are decoded in float32"


@pytest.fixture
def overflowing(copied_folder: Path) -> Path:
    """A copy of the tiny model whose decoder passes the largest number of float16, but not that of float32."""
    return edited(copied_folder, "decoder.conv_in.weight", TOO_MUCH)


def edited(folder: Path, name: str, factor: float) -> Path:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors[name] *= factor
    save_file(tensors, weights, {"format": "pt"})
    return folder


@pytest.fixture
def half(device: Device) -> Device:
    """The CPU with a card's number type."""
    return replace(device, dtype=torch.float16, service="fast")


@pytest.fixture
def make_half_parent(make_parent: Callable[..., Any], half: Device) -> Callable[[Path], Any]:
    def make(folder: Path) -> Any:
        parent = make_parent(folder)
        parent.device = half
        return parent

    return make


def load(folder: Path, dtype: torch.dtype) -> Any:
    return AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=dtype).eval()


@pytest.fixture
def latents() -> torch.Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)).to(torch.float16)


@torch.no_grad()
def test_what_overflows_in_float16_is_what_the_same_vae_decodes_in_float32(
    overflowing: Path, latents: torch.Tensor
) -> None:
    vae = load(overflowing, torch.float16)
    assert not torch.isfinite(decoded(vae, latents)).all()
    wide = decoded_wide(vae, latents)
    assert torch.isfinite(wide).all()
    assert torch.equal(wide, decoded(load(overflowing, torch.float16).float(), latents))


@torch.no_grad()
def test_the_vae_itself_stays_as_it_is(overflowing: Path, latents: torch.Tensor) -> None:
    vae = load(overflowing, torch.float16)
    before = [(tensor.data_ptr(), tensor.dtype) for tensor in vae.state_dict().values()]
    generator = torch.random.get_rng_state()
    decoded_wide(vae, latents)
    assert [(tensor.data_ptr(), tensor.dtype) for tensor in vae.state_dict().values()] == before
    assert torch.equal(torch.random.get_rng_state(), generator)


@torch.no_grad()
def test_slices_and_tiles_are_as_the_memory_profile_says(overflowing: Path, latents: torch.Tensor) -> None:
    vae = load(overflowing, torch.float16)
    whole = decoded_wide(vae, latents)
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = 32, 4
    tiled = decoded_wide(vae, latents)
    assert whole.shape == tiled.shape
    assert not torch.equal(whole, tiled)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_only_half_precision_and_finite_latents_are_worth_another_try(
    tiny_folder: Path, latents: torch.Tensor, dtype: torch.dtype
) -> None:
    wide = WideDecoding(load(tiny_folder, dtype), "tiny")
    assert wide.may_help(latents) is (dtype is not torch.float32)
    latents[0, 0, 0, 0] = float("nan")
    assert wide.may_help(latents) is False


def test_a_job_whose_pictures_overflow_gets_them_and_the_log_says_so_once(
    make_half_parent: Callable[[Path], Any],
    overflowing: Path,
    recipe: Recipe,
    request_for: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    jobs = [Draw(request_for(replace(recipe, images=TWO), f"job-{number}", previews=False)) for number in range(2)]
    finished = make_half_parent(overflowing).run(*jobs)[-1]
    assert [(image.verdict, image.fault) for image in finished.images] == [(Verdict.ALLOW, None)] * 2
    assert finished.facts.dtype == "float16"
    assert [record.getMessage() for record in caplog.records if record.name == "engine.worker.sampling.decoding"] == [
        WARNING
    ]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_picture_that_is_not_finite_in_float32_either_gets_its_fault(
    make_half_parent: Callable[[Path], Any], copied_folder: Path, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    folder = edited(copied_folder, "decoder.conv_out.bias", float("nan"))
    (result,) = make_half_parent(folder).run(Draw(request_for(recipe, previews=False)))[-1].images
    assert (result.verdict, result.fault, result.reason) == (
        Verdict.ERROR,
        Fault.NOT_FINITE,
        "the pixels are not finite",
    )


def test_a_model_in_float32_is_decoded_once(
    make_parent: Callable[..., Any],
    copied_folder: Path,
    recipe: Recipe,
    request_for: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = edited(copied_folder, "decoder.conv_out.bias", float("nan"))
    (result,) = make_parent(folder).run(Draw(request_for(recipe, previews=False)))[-1].images
    assert result.fault is Fault.NOT_FINITE
    assert not [record for record in caplog.records if record.name == "engine.worker.sampling.decoding"]
