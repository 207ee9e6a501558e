"""One denoising step of a batch: one UNet call for all its rows, then each image's own noise scheduler.

Nothing here waits for the device: timesteps and the schedulers' tables are where they are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.api import is_guided
from engine.worker.conditioning.rows import Conditioning, join
from engine.worker.sampling.batch import Batch, ImageState, InpaintState, LastStep
from engine.worker.sampling.loras import applied


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All of an image that a step changes, from before it."""

    image: ImageState
    latents: Tensor
    step: int
    last: LastStep | None
    scheduler: Mapping[str, Any]
    generator: Tensor

    @classmethod
    def of(cls, image: ImageState) -> Checkpoint:
        """Keep an image as it is. Schedulers replace their tensors, but change their lists in place."""
        state = vars(image.scheduler)
        state = {name: list(value) if isinstance(value, list) else value for name, value in state.items()}
        return cls(
            image,
            image.latents,
            image.step,
            image.last,
            state,
            image.generator.get_state(),
        )

    def restore(self) -> None:
        """Make the image what it was."""
        image = self.image
        image.latents, image.step, image.last = self.latents, self.step, self.last
        vars(image.scheduler).clear()
        vars(image.scheduler).update(self.scheduler)
        image.generator.set_state(self.generator)


@torch.no_grad()
def advance(batch: Batch) -> None:
    """Take every image of a batch one step further; if anything is raised, none has moved."""
    before = [Checkpoint.of(image) for image in batch.image_states]
    try:
        inputs = [_model_input(image) for image in batch.image_states]
        predicted = _predict(batch, inputs)
        for image, model_input, rows in zip(batch.image_states, inputs, predicted, strict=True):
            _step(image, model_input, _guide(rows, image.guidance_scale))
    except BaseException:
        for checkpoint in before:
            checkpoint.restore()
        raise


def _model_input(image: ImageState) -> Tensor:
    return image.scheduler.scale_model_input(image.latents, image.timestep)  # type: ignore[no-any-return]


def _predict(batch: Batch, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the UNet's rows for each image."""
    images = list(zip(batch.image_states, inputs, strict=True))
    counts = [image.rows for image in batch.image_states]
    padding = batch.rows - sum(counts)
    samples = torch.cat([*(row for image, row in images for _ in range(image.rows)), *[inputs[0]] * padding])
    times = [image.unet_timesteps[image.step].expand(image.rows) for image in batch.image_states]
    conditioning = [image.conditioning for image in batch.image_states]
    if padding:
        times.append(times[0][:1].expand(padding))
        conditioning += [conditioning[0][:1]] * padding
    predicted = _call_unet(batch.image_states[0], samples.contiguous(), torch.cat(times), join(conditioning))
    return torch.split(predicted[: sum(counts)], counts)


@torch.no_grad()
def predict_alone(image: ImageState, model_input: Tensor, timestep: float) -> Tensor:
    """Return what the UNet predicts for an image, after guidance, at whatever timestep. Changes nothing of it.

    Args:
        image: says with what conditioning, LoRAs and guidance.
        model_input: (1, channels, height, width), scaled for the UNet.
        timestep: of the model's.
    """
    times = torch.full((image.rows,), timestep, dtype=torch.float32, device=model_input.device)
    samples = model_input.expand(image.rows, -1, -1, -1).contiguous()
    return _guide(_call_unet(image, samples, times, image.conditioning), image.guidance_scale)


def _call_unet(image: ImageState, samples: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
    """Call the UNet as an image's group wants it: (rows, channels, height, width) of samples and of predictions."""
    unet = image.pipeline.unet
    call = unet.forward if image.changes else unet  # what is compiled was so without the changes
    with applied(image.changes):
        return call(samples, times, **conditioning.arguments(), return_dict=False)[0]  # type: ignore[no-any-return]


def _guide(rows: Tensor, guidance_scale: float) -> Tensor:
    conditional = rows[-1:]
    if not is_guided(guidance_scale):
        return conditional
    unconditional = rows[:1]
    return unconditional + guidance_scale * (conditional - unconditional)


def _step(image: ImageState, model_input: Tensor, prediction: Tensor) -> None:
    timestep = image.timestep
    extra = {"generator": image.generator} if image.takes_generator else {}
    image.latents = image.scheduler.step(prediction, timestep, image.latents, return_dict=False, **extra)[0]
    image.last = LastStep(timestep, model_input, prediction)
    image.step += 1
    if image.inpaint:
        image.latents = _kept(image, image.inpaint)


def _kept(image: ImageState, inpaint: InpaintState) -> Tensor:
    """Return the latents with those of the picture, as noisy as the next step expects, where it must stay."""
    picture = inpaint.latents
    if not image.denoised:
        picture = image.scheduler.add_noise(picture, inpaint.noise, image.timestep[None])
    mask, picture = inpaint.mask.to(image.latents), picture.to(image.latents)
    return (1 - mask) * picture + mask * image.latents
