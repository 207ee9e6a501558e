"""What an image will be, told before it is finished: what its last step points at, or a draft finished in a hurry.

The noise schedulers keep latents on different scales; the UNet's input is on the same one for all, so that everything
here is computed from that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.worker.sampling.batch import ImageState, LastStep
from engine.worker.sampling.steps import predict_alone

_REST = (0.6, 0.25)
"""Timesteps at which a draft asks the UNet, as shares of that of the image's last step."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An image as its last step left it, which later steps do not change.

    Args:
        image: the image.
        last: its last step.
    """

    image: ImageState
    last: LastStep

    @classmethod
    def of(cls, image: ImageState) -> Unfinished:
        """Take down where an image stands; it has made a step."""
        assert image.last is not None
        return cls(image, image.last)

    def expected(self) -> Tensor:
        """Return the finished latents that the last step's prediction points at, (1, channels, height, width)."""
        return self._split(self.last.model_input, self.last.prediction, float(self.last.timestep))[0]

    @torch.no_grad()
    def draft(self) -> Tensor:
        """Return finished latents as a few long steps of DDIM make them, (1, channels, height, width).

        They cost a UNet call each, of this image alone, and change nothing of the image.
        """
        timestep = float(self.last.timestep)
        picture, noise = self._split(self.last.model_input, self.last.prediction, timestep)
        for share in _REST:
            timestep = float(int(float(self.last.timestep) * share))
            signal, spread = _signal_and_noise(self.image.scheduler, timestep)
            model_input = signal * picture + spread * noise
            prediction = predict_alone(self.image, model_input, timestep)
            picture, noise = self._split(model_input, prediction, timestep)
        return picture

    @torch.no_grad()
    def _split(self, model_input: Tensor, prediction: Tensor, timestep: float) -> tuple[Tensor, Tensor]:
        """Return the picture and the noise that a prediction takes the UNet's input to be made of."""
        signal, spread = _signal_and_noise(self.image.scheduler, timestep)
        match self.image.scheduler.config.prediction_type:
            case "v_prediction":
                return signal * model_input - spread * prediction, signal * prediction + spread * model_input
            case "epsilon":
                return (model_input - spread * prediction) / signal, prediction
        return prediction, (model_input - signal * prediction) / spread


def _signal_and_noise(scheduler: Any, timestep: float) -> tuple[float, float]:
    """Return how much of the UNet's input is picture and how much noise; between two of the model's timesteps too."""
    below = int(timestep)
    shares = scheduler.alphas_cumprod[below : below + 2]
    noises = ((1 - shares) / shares).sqrt()
    share = 1 / (1 + torch.lerp(noises[0], noises[-1], timestep - below) ** 2)
    return float(share.sqrt()), float((1 - share).sqrt())
