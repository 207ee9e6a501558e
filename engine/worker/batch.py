"""Rows and steps: the denoising of images, each with its own noise scheduler, generator and guidance.

Every UNet call gets exactly two rows, unconditional and conditional, of one image: kernels and the order of additions
depend on the number of rows, so this is what makes a picture bit-equal to the stock pipeline's, whatever is drawn
beside it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.api import ImageSeed, Recipe
from engine.worker.schedulers import build_scheduler
from engine.worker.seeds import initial_noise


@dataclass(frozen=True, slots=True)
class LastStep:
    """What the last UNet call of an image saw and said; previews are made from it.

    Args:
        timestep: of the call, on the device: reading it would wait for the device.
        model_input: (1, channels, height, width), the latents as scaled for the UNet.
        prediction: same shape, after guidance.
    """

    timestep: Tensor
    model_input: Tensor
    prediction: Tensor


@dataclass(slots=True)
class Drawing:
    """One image under way.

    Args:
        latents: (1, channels, height, width) on the device, in the scheduler's scale.
        embeddings: (2, tokens, features): unconditional, then conditional.
        guidance_scale: 1.0 or less means none.
        scheduler: this image's own instance.
        generator: this image's own, on the CPU; gives ancestral noise.
        step: UNet calls done.
        last: of the last step; None before the first.
    """

    latents: Tensor
    embeddings: Tensor
    guidance_scale: float
    scheduler: Any
    generator: torch.Generator
    step: int = 0
    last: LastStep | None = None

    @property
    def steps(self) -> int:
        """UNet calls in all; Heun needs almost two per step asked for."""
        return len(self.scheduler.timesteps)

    @property
    def denoised(self) -> bool:
        """Whether only decoding is left."""
        return self.step >= self.steps


def begin_drawing(pipeline: Any, recipe: Recipe, seed: ImageSeed, embeddings: Tensor) -> Drawing:
    """Return an image at its initial noise, drawn on the CPU in float32 and then moved."""
    scheduler = build_scheduler(recipe.scheduler, pipeline.scheduler.config, recipe.steps, pipeline.device)
    factor = pipeline.vae_scale_factor
    shape = (1, pipeline.unet.config.in_channels, recipe.height // factor, recipe.width // factor)
    noise, generator = initial_noise(seed, shape)
    latents = noise.to(pipeline.device, embeddings.dtype) * scheduler.init_noise_sigma
    return Drawing(latents, embeddings, recipe.guidance_scale, scheduler, generator)


@torch.no_grad()
def advance(pipeline: Any, batch: Iterable[Drawing]) -> None:
    """Take every image of a batch one step further."""
    for drawing in batch:
        timestep = drawing.scheduler.timesteps[drawing.step]
        rows = drawing.scheduler.scale_model_input(torch.cat([drawing.latents] * 2), timestep)
        predicted = pipeline.unet(rows, timestep, encoder_hidden_states=drawing.embeddings, return_dict=False)[0]
        prediction = _guide(predicted, drawing.guidance_scale)
        drawing.last = LastStep(timestep, rows[:1], prediction)
        drawing.latents = _scheduler_step(drawing, prediction, timestep)
        drawing.step += 1


@torch.no_grad()
def decode(pipeline: Any, drawing: Drawing) -> Tensor:
    """Return the pixels of a denoised image, (3, height, width), about -1.0 to 1.0."""
    latents = drawing.latents / pipeline.vae.config.scaling_factor
    return pipeline.vae.decode(latents, return_dict=False)[0][0]  # type: ignore[no-any-return]


def _guide(predicted: Tensor, guidance_scale: float) -> Tensor:
    unconditional, conditional = predicted.chunk(2)
    if guidance_scale <= 1.0:
        return conditional
    return unconditional + guidance_scale * (conditional - unconditional)


def _scheduler_step(drawing: Drawing, prediction: Tensor, timestep: Tensor) -> Tensor:
    step = drawing.scheduler.step
    extra = {"generator": drawing.generator} if "generator" in inspect.signature(step).parameters else {}
    return step(prediction, timestep, drawing.latents, return_dict=False, **extra)[0]  # type: ignore[no-any-return]
