"""Images under way, and which of them share the next UNet call.

A batch is a set of rows: images of many requests join and leave it between steps. Each image keeps its own noise
scheduler, timestep, guidance and generator; only what `Group` names must agree.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.api import ImageSeed, LoraUse, Recipe
from engine.worker.conditioning.rows import Conditioning
from engine.worker.sampling.buckets import RowRule
from engine.worker.sampling.decoding import decoded, decoded_wide
from engine.worker.sampling.init_images import EncodedInitImage
from engine.worker.sampling.loras import UNCHANGED, Changes
from engine.worker.sampling.schedulers import build_scheduler
from engine.worker.sampling.seeds import initial_noise, seeded

NEVER = -1


@dataclass(frozen=True, slots=True)
class Group:
    """What images must have in common to share a UNet call.

    Args:
        model: id of the model.
        height, width: of the latents.
        tokens: context length of the prompts.
        loras: that change the UNet.
    """

    model: str
    height: int
    width: int
    tokens: int
    loras: tuple[LoraUse, ...] = ()


@dataclass(frozen=True, slots=True)
class LastStep:
    """What the last UNet call of an image saw and said; previews are made from it.

    Args:
        timestep: of the call, on the CPU.
        model_input: (1, channels, height, width), the latents as scaled for the UNet.
        prediction: same shape, after guidance.
    """

    timestep: Tensor
    model_input: Tensor
    prediction: Tensor


@dataclass(frozen=True, slots=True)
class InpaintState:
    """What of a picture must stay while the rest is drawn. All on the CPU, where the scheduler's tables are.

    Args:
        pixels: (3, height, width) in pixels, -1.0 to 1.0; the picture's.
        free: (1, height, width) in pixels, over 0.0 where it may change.
        latents: (1, channels, height, width), the picture's.
        noise: same shape; the image's initial noise.
        mask: (1, 1, height, width), 1.0 where latents may change.
    """

    pixels: Tensor
    free: Tensor
    latents: Tensor
    noise: Tensor
    mask: Tensor


@dataclass(slots=True, eq=False)
class ImageState:
    """One image under way.

    Args:
        pipeline: draws it; shared.
        group: with what it may share a UNet call.
        row_rule: with how many.
        latents: (1, channels, height, width) on the device, in the scheduler's scale.
        conditioning: of its rows: unconditional, then conditional; or the conditional row alone.
        guidance_scale: as in `Recipe`.
        scheduler: this image's own instance, its tables on the CPU, so that reading them never waits for the device.
        unet_timesteps: (steps,) float32, the scheduler's timesteps on the device.
        generator: this image's own, on the CPU; gives ancestral noise, when the scheduler wants any.
        takes_generator: whether it does.
        changes: of the UNet's layers, as the group's LoRAs want.
        begin: timesteps of the scheduler that are left out, because the image starts from a picture.
        inpaint: what of that picture must stay; None for nothing.
        step: UNet calls done.
        turn: its place among all images of all calls at its last step; NEVER before. Written by `Shares`, as the next.
        waits_since: calls that had been made when it came, or with the one of its last step.
        last: of the last step; None before the first.
        decoded: whether the UNet and the VAE are done with it.
        wide: whether it is decoded in float32, because half precision overflowed.
    """

    pipeline: Any
    group: Group
    row_rule: RowRule
    latents: Tensor
    conditioning: Conditioning
    guidance_scale: float
    scheduler: Any
    unet_timesteps: Tensor
    generator: torch.Generator
    takes_generator: bool
    changes: Changes = field(default_factory=dict)
    begin: int = 0
    inpaint: InpaintState | None = None
    step: int = 0
    turn: int = NEVER
    waits_since: int = NEVER
    last: LastStep | None = None
    decoded: bool = False
    wide: bool = False

    @property
    def timestep(self) -> Tensor:
        """The scheduler's timestep of the next step, on the CPU."""
        return self.scheduler.timesteps[self.begin + self.step]  # type: ignore[no-any-return]

    @property
    def steps(self) -> int:
        """UNet calls in all; Heun needs almost two per step asked for."""
        return len(self.unet_timesteps)

    @property
    def rows(self) -> int:
        """Rows of a UNet call that this image needs."""
        return len(self.conditioning)

    @property
    def denoised(self) -> bool:
        """Whether only decoding is left."""
        return self.step >= self.steps


@dataclass(frozen=True, slots=True)
class Batch:
    """The images of one UNet call, all of one group.

    Args:
        image_states: at least one.
        rows: of the call; what the images leave over is padding.
    """

    image_states: Sequence[ImageState]
    rows: int


def begin_image(
    pipeline: Any,
    recipe: Recipe,
    seed: ImageSeed,
    conditioning: Conditioning,
    row_rule: RowRule,
    group: Group,
    changes: Changes = UNCHANGED,
    start: EncodedInitImage | None = None,
) -> ImageState:
    """Return an image at its initial noise, or at a picture with some of that noise, made on the CPU in float32."""
    context = conditioning.context
    scheduler = build_scheduler(recipe.scheduler, pipeline.scheduler.config, recipe.steps)
    shape = (1, pipeline.unet.config.in_channels, group.height, group.width)
    begin, inpaint = 0, None
    if start is None:
        noise, generator = initial_noise(seed, shape)
        latents = noise * scheduler.init_noise_sigma
    else:
        begin = start.begin(recipe.steps) * scheduler.order
        latents, inpaint, generator = _from_picture(start, scheduler, begin, seed, shape)
    return ImageState(
        pipeline=pipeline,
        group=group,
        row_rule=row_rule,
        latents=latents.to(context.device, context.dtype),
        conditioning=conditioning,
        guidance_scale=recipe.guidance_scale,
        scheduler=scheduler,
        unet_timesteps=scheduler.timesteps[begin:].to(context.device, torch.float32),
        generator=generator,
        takes_generator="generator" in inspect.signature(scheduler.step).parameters,
        changes=changes,
        begin=begin,
        inpaint=inpaint,
    )


def _from_picture(
    start: EncodedInitImage, scheduler: Any, begin: int, seed: ImageSeed, shape: Sequence[int]
) -> tuple[Tensor, InpaintState | None, torch.Generator]:
    """Return the picture's latents with the noise of the first timestep that is not left out.

    The seed's generator gives, in the order of the stock pipelines, what is drawn of the encoder's distribution, the
    noise, and what is drawn of the masked picture's, which no UNet here looks at.
    """
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    generator = seeded(seed.seed)
    latents = start.sample(generator)
    noise, _ = initial_noise(seed, shape, generator)
    if start.mask is None:
        return scheduler.add_noise(latents, noise, scheduler.timesteps[begin : begin + 1]), None, generator
    torch.randn(tuple(shape), generator=generator)
    mask = functional.interpolate(start.mask, size=tuple(shape[2:]))
    inpaint = InpaintState(start.pixels, start.mask[0], latents, noise, mask)
    if start.strength == 1.0:
        return noise * scheduler.init_noise_sigma, inpaint, generator
    return scheduler.add_noise(latents, noise, scheduler.timesteps[begin : begin + 1]), inpaint, generator


def pack(image_states: Iterable[ImageState], most_rows: int, caps: Mapping[Group, int]) -> Batch | None:
    """Return the batch of the next step: the first image, and those that can share its call.

    Args:
        image_states: images under way, in the order in which they should get their next step.
        most_rows: that one UNet call may have.
        caps: fewer, for groups that ran out of memory.

    Returns:
        None when there is nothing to denoise.
    """
    waiting = [image for image in image_states if not image.denoised]
    if not waiting:
        return None
    group = waiting[0].group
    members = [image for image in waiting if image.group == group]
    cap = min(most_rows, caps.get(group, most_rows))
    count, rows = members[0].row_rule.fit([image.rows for image in members], cap)
    return Batch(members[:count], rows)


@torch.no_grad()
def decode(image: ImageState) -> Tensor:
    """Return the pixels of a denoised image, (3, height, width), about -1.0 to 1.0; a picture's own where it stays."""
    pixels = (decoded_wide if image.wide else decoded)(image.pipeline.vae, image.latents)[0]
    if inpaint := image.inpaint:
        return torch.where(inpaint.free.to(pixels.device) > 0, pixels, inpaint.pixels.to(pixels))
    return pixels
