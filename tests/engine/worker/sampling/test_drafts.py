"""Drafts: what an image will be, told from where it stands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.catalog import SCHEDULERS
from engine.worker.conditioning.rows import Conditioning
from engine.worker.sampling.batch import Group, ImageState, LastStep
from engine.worker.sampling.buckets import AnyRows
from engine.worker.sampling.drafts import Unfinished
from engine.worker.sampling.schedulers import build_scheduler
from engine.worker.sampling.seeds import seeded

CONFIG = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def noise_of(scheduler: Any, timestep: float) -> torch.Tensor:
    """The noise of a timestep that may lie between two of the model's, as k-diffusion's samplers count."""
    noises = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod).sqrt()
    return torch.tensor(np.interp(timestep, range(len(noises)), noises), dtype=torch.float32)


class Perfect:
    """A UNet that knows the finished latents."""

    def __init__(self, scheduler: Any, kind: str, target: torch.Tensor) -> None:
        self._scheduler, self._kind, self._target = scheduler, kind, target
        self.asked: list[float] = []

    def __call__(self, samples: torch.Tensor, times: torch.Tensor, **_: Any) -> tuple[torch.Tensor]:
        self.asked.append(float(times[0]))
        share = 1 / (1 + noise_of(self._scheduler, float(times[0])) ** 2)
        signal, spread = share.sqrt(), (1 - share).sqrt()
        noise = (samples - signal * self._target) / spread
        right = {"epsilon": noise, "v_prediction": signal * noise - spread * self._target, "sample": self._target}
        return (right[self._kind].expand(len(samples), -1, -1, -1),)


def drawing(scheduler: str, kind: str) -> tuple[ImageState, torch.Tensor]:
    """A drawing whose last step predicted perfectly, and the finished latents it was heading for."""
    built = build_scheduler(scheduler, CONFIG | {"prediction_type": kind}, 10)
    generator = seeded(3)
    target, noise = (torch.randn(1, 4, 16, 16, generator=generator) for _ in range(2))
    timestep = built.timesteps[4]
    share = 1 / (1 + noise_of(built, float(timestep)) ** 2)
    signal, spread = share.sqrt(), (1 - share).sqrt()
    predictions = {"epsilon": noise, "v_prediction": signal * noise - spread * target, "sample": target}
    last = LastStep(timestep, signal * target + spread * noise, predictions[kind])
    under_way = ImageState(
        pipeline=SimpleNamespace(unet=Perfect(built, kind, target)),
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
    assert torch.allclose(Unfinished.of(under_way).expected(), target, atol=1e-4)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_draft_by_a_perfect_model_shows_the_finished_latents(scheduler: str, kind: str) -> None:
    under_way, target = drawing(scheduler, kind)
    assert torch.allclose(Unfinished.of(under_way).draft(), target, atol=1e-3)
    assert len(under_way.pipeline.unet.asked) == 2
    assert all(0 < asked < float(under_way.last.timestep) for asked in under_way.pipeline.unet.asked)  # type: ignore[union-attr]


def test_a_draft_changes_nothing_of_its_image_and_is_of_the_step_it_was_taken_down_at() -> None:
    under_way, target = drawing("Euler", "epsilon")
    image, state = Unfinished.of(under_way), under_way.generator.get_state()
    latents = under_way.latents.clone()
    image.draft()
    assert torch.equal(under_way.latents, latents)
    assert torch.equal(under_way.generator.get_state(), state)
    assert under_way.step == 5
    under_way.last = LastStep(under_way.timestep, torch.zeros_like(target), torch.zeros_like(target))
    assert torch.allclose(image.draft(), target, atol=1e-3)
