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

    drawing: ImageState
    latents: Tensor
    step: int
    last: LastStep | None
    scheduler: Mapping[str, Any]
    generator: Tensor

    @classmethod
    def of(cls, drawing: ImageState) -> Checkpoint:
        """Keep an image as it is. Schedulers replace their tensors, but change their lists in place."""
        state = vars(drawing.scheduler)
        state = {name: list(value) if isinstance(value, list) else value for name, value in state.items()}
        return cls(drawing, drawing.latents, drawing.step, drawing.last, state, drawing.generator.get_state())

    def restore(self) -> None:
        """Make the image what it was."""
        drawing = self.drawing
        drawing.latents, drawing.step, drawing.last = self.latents, self.step, self.last
        vars(drawing.scheduler).clear()
        vars(drawing.scheduler).update(self.scheduler)
        drawing.generator.set_state(self.generator)


@torch.no_grad()
def advance(batch: Batch) -> None:
    """Take every image of a batch one step further; if anything is raised, none has moved."""
    before = [Checkpoint.of(drawing) for drawing in batch.drawings]
    try:
        inputs = [_model_input(drawing) for drawing in batch.drawings]
        predicted = _predict(batch, inputs)
        for drawing, model_input, rows in zip(batch.drawings, inputs, predicted, strict=True):
            _step(drawing, model_input, _guide(rows, drawing.guidance_scale))
    except BaseException:
        for checkpoint in before:
            checkpoint.restore()
        raise


def _model_input(drawing: ImageState) -> Tensor:
    return drawing.scheduler.scale_model_input(drawing.latents, drawing.timestep)  # type: ignore[no-any-return]


def _predict(batch: Batch, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return the UNet's rows for each image."""
    images = list(zip(batch.drawings, inputs, strict=True))
    counts = [drawing.rows for drawing in batch.drawings]
    padding = batch.rows - sum(counts)
    samples = torch.cat([*(row for drawing, row in images for _ in range(drawing.rows)), *[inputs[0]] * padding])
    times = [drawing.unet_timesteps[drawing.step].expand(drawing.rows) for drawing in batch.drawings]
    conditioning = [drawing.conditioning for drawing in batch.drawings]
    if padding:
        times.append(times[0][:1].expand(padding))
        conditioning += [conditioning[0][:1]] * padding
    predicted = _call_unet(batch.drawings[0], samples.contiguous(), torch.cat(times), join(conditioning))
    return torch.split(predicted[: sum(counts)], counts)


@torch.no_grad()
def predict_alone(drawing: ImageState, model_input: Tensor, timestep: float) -> Tensor:
    """Return what the UNet predicts for an image, after guidance, at whatever timestep. Changes nothing of it.

    Args:
        drawing: says with what conditioning, LoRAs and guidance.
        model_input: (1, channels, height, width), scaled for the UNet.
        timestep: of the model's.
    """
    times = torch.full((drawing.rows,), timestep, dtype=torch.float32, device=model_input.device)
    samples = model_input.expand(drawing.rows, -1, -1, -1).contiguous()
    return _guide(_call_unet(drawing, samples, times, drawing.conditioning), drawing.guidance_scale)


def _call_unet(drawing: ImageState, samples: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
    """Call the UNet as an image's group wants it: (rows, channels, height, width) of samples and of predictions."""
    unet = drawing.pipeline.unet
    call = unet.forward if drawing.changes else unet  # what is compiled was so without the changes
    with applied(drawing.changes):
        return call(samples, times, **conditioning.arguments(), return_dict=False)[0]  # type: ignore[no-any-return]


def _guide(rows: Tensor, guidance_scale: float) -> Tensor:
    conditional = rows[-1:]
    if not is_guided(guidance_scale):
        return conditional
    unconditional = rows[:1]
    return unconditional + guidance_scale * (conditional - unconditional)


def _step(drawing: ImageState, model_input: Tensor, prediction: Tensor) -> None:
    timestep = drawing.timestep
    extra = {"generator": drawing.generator} if drawing.takes_generator else {}
    drawing.latents = drawing.scheduler.step(prediction, timestep, drawing.latents, return_dict=False, **extra)[0]
    drawing.last = LastStep(timestep, model_input, prediction)
    drawing.step += 1
    if drawing.keep:
        drawing.latents = _kept(drawing, drawing.keep)


def _kept(drawing: ImageState, keep: InpaintState) -> Tensor:
    """Return the latents with those of the picture, as noisy as the next step expects, where it must stay."""
    picture = keep.latents
    if not drawing.denoised:
        picture = drawing.scheduler.add_noise(picture, keep.noise, drawing.timestep[None])
    mask, picture = keep.mask.to(drawing.latents), picture.to(drawing.latents)
    return (1 - mask) * picture + mask * drawing.latents
