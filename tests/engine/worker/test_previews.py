"""Previews: a linear look at latents that are not finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.catalog import SCHEDULERS
from engine.worker.batch import Drawing, Group, LastStep
from engine.worker.buckets import AnyRows
from engine.worker.conditioning import Conditioning
from engine.worker.previews import (
    SD_COLOURS,
    SDXL_COLOURS,
    LatentColours,
    expected_latents,
    preview_due,
    preview_pixels,
    read_latent_colours,
)
from engine.worker.schedulers import build_scheduler
from engine.worker.seeds import seeded

CONFIG = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def noise_of(scheduler: Any, timestep: float) -> torch.Tensor:
    """The noise of a timestep that may lie between two of the model's, as k-diffusion's samplers count."""
    noises = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod).sqrt()
    return torch.tensor(np.interp(timestep, range(len(noises)), noises), dtype=torch.float32)


def drawing(scheduler: str, kind: str) -> tuple[Drawing, torch.Tensor]:
    """A drawing whose last step predicted perfectly, and the finished latents it was heading for."""
    built = build_scheduler(scheduler, CONFIG | {"prediction_type": kind}, 10)
    generator = seeded(3)
    target, noise = (torch.randn(1, 4, 16, 16, generator=generator) for _ in range(2))
    timestep = built.timesteps[4]
    share = 1 / (1 + noise_of(built, float(timestep)) ** 2)
    signal, spread = share.sqrt(), (1 - share).sqrt()
    predictions = {"epsilon": noise, "v_prediction": signal * noise - spread * target, "sample": target}
    last = LastStep(timestep, signal * target + spread * noise, predictions[kind])
    under_way = Drawing(
        pipeline=None,
        group=Group("tiny", 16, 16, 77),
        row_rule=AnyRows(),
        latents=target,
        conditioning=Conditioning(torch.zeros(2, 1, 1)),
        guidance_scale=3.0,
        scheduler=built,
        unet_timesteps=built.timesteps.float(),
        generator=generator,
        takes_generator=False,
        step=5,
        last=last,
    )
    return under_way, target


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_perfect_prediction_shows_the_finished_latents(scheduler: str, kind: str) -> None:
    under_way, target = drawing(scheduler, kind)
    assert torch.allclose(expected_latents(under_way), target, atol=1e-4)


@pytest.mark.parametrize(
    ("latents", "pixels"),
    [
        ((16, 16), (128, 128)),
        ((24, 16), (120, 80)),
        ((64, 64), (128, 128)),
        ((96, 64), (96, 64)),
        ((160, 80), (128, 64)),
    ],
)
def test_the_longer_side_is_at_most_128_pixels(latents: tuple[int, int], pixels: tuple[int, int]) -> None:
    assert preview_pixels(torch.randn(1, 4, *latents), LatentColours(torch.ones(4, 3), torch.zeros(3))).shape == (
        3,
        *pixels,
    )


def test_colours_are_a_linear_map_of_the_four_channels() -> None:
    target = torch.randn(1, 4, 16, 16, generator=seeded(3))
    weights = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [0, 0, 0]])
    shown = preview_pixels(target, LatentColours(weights, torch.tensor([0.5, 0.0, 0.0])))
    assert torch.allclose(shown[1].mean(), target[0, 1].mean(), atol=1e-2)
    assert torch.allclose(shown[0].mean(), target[0, 0].mean() + 0.5, atol=1e-2)


def test_a_models_own_colours_are_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "latent_preview.json").write_text(json.dumps({"weights": [[1, 2, 3]] * 4, "bias": [4, 5, 6]}))
    colours = read_latent_colours(tmp_path, "sdxl")
    assert colours.weights.tolist() == [[1, 2, 3]] * 4
    assert colours.bias.tolist() == [4, 5, 6]


@pytest.mark.parametrize(("family", "colours"), [("sd1", SD_COLOURS), ("sd2", SD_COLOURS), ("sdxl", SDXL_COLOURS)])
def test_a_model_without_its_own_has_the_colours_of_its_family(family: str, colours: Any, tmp_path: Path) -> None:
    read = read_latent_colours(tmp_path, family)
    assert torch.allclose(read.weights, torch.tensor(colours[0]))
    assert torch.allclose(read.bias, torch.tensor(colours[1]))


def test_colours_of_another_shape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latent_preview.json").write_text(json.dumps({"weights": [[1, 2, 3]] * 3, "bias": [4, 5, 6]}))
    with pytest.raises(ValueError, match=r"latent_preview\.json must hold 4 rows"):
        read_latent_colours(tmp_path, "sd1")


@pytest.mark.parametrize(
    ("steps", "due"), [(1, []), (4, [1, 2, 3]), (10, [2, 4, 6, 8]), (20, [4, 8, 12, 16]), (39, [8, 16, 24, 32])]
)
def test_previews_are_due_at_most_five_times_and_never_at_the_end(steps: int, due: list[int]) -> None:
    assert [step for step in range(1, steps + 1) if preview_due(step, steps)] == due
