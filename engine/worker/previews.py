"""Previews: what an image will be, as its unfinished latents promise; shown only when a later look agrees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.api import Preview, ReviewedImage
from engine.worker.batch import Drawing
from engine.worker.safety import SafetyGate

_LOOKS = (0.1, 0.3, 0.4, 0.6, 0.7)
"""After which shares of its steps an image is looked at."""
_FIRST_SHOWN = 0.3
_LARGEST_LATENTS = 32
"""Rows or columns of latents that a preview is decoded from at most; larger ones are averaged down to that."""


def preview_due(step: int, steps: int) -> bool:
    """Say whether to look at an image after `step` of its `steps`."""
    return step < steps and step in {math.ceil(share * steps) for share in _LOOKS}


def may_be_shown(step: int, steps: int) -> bool:
    """Say whether what is seen after `step` may be shown; earlier looks only hold back what begins suspiciously."""
    return step >= _FIRST_SHOWN * steps


class Previews:
    """The previews of one job. Owned by the desk that reviews.

    People see what an image will be before a detector does, and a detector may see it early and then for a while not.
    So images are looked at from the first tenth of their steps on, a picture waits until the next look, which shows
    more, has passed the gate too, and an image that was held back once is not shown again before it is finished.

    Args:
        images: of the job.
        vae, gate: the model's.
    """

    def __init__(self, images: int, vae: Any, gate: SafetyGate) -> None:
        self._vae = vae
        self._gate = gate
        self._waiting: list[ReviewedImage | None] = [None] * images
        self._held_back = [False] * images
        self._step = 0
        self._shown = False

    @property
    def over(self) -> bool:
        """Whether there is nothing more to look at."""
        return all(self._held_back)

    def look(self, step: int, unfinished: Sequence[Tensor], *, shown: bool = True) -> Preview | None:
        """Look at a job's unfinished images, and return what may be shown now; None for nothing new.

        Args:
            step: of the job.
            unfinished: what `expected_latents` gave for each image.
            shown: whether what is seen now may be shown later.
        """
        seen = [None if held else self._review(each) for held, each in zip(self._held_back, unfinished, strict=True)]
        self._held_back = [image is None for image in seen]
        agreed = [image if later else None for image, later in zip(self._waiting, seen, strict=True)]
        before, self._waiting, self._step = self._step, seen if shown else [None] * len(seen), step
        if any(agreed):
            self._shown = True
            return Preview(before, self._together(agreed))
        if self._shown:
            self._shown = False
            return Preview(step, None)
        return None

    def _review(self, latents: Tensor) -> ReviewedImage | None:
        latents = reduced(latents)
        return self._gate.review(preview_pixels(self._vae, latents), latents, unfinished=True).image

    def _together(self, images: Sequence[ReviewedImage | None]) -> ReviewedImage:
        return self._gate.compose(images) if len(images) > 1 else next(image for image in images if image)


def reduced(latents: Tensor) -> Tensor:
    """Return latents, (1, channels, height, width), averaged so that neither side exceeds _LARGEST_LATENTS."""
    longest = max(latents.shape[-2:])
    if longest <= _LARGEST_LATENTS:
        return latents
    size = [max(1, side * _LARGEST_LATENTS // longest) for side in latents.shape[-2:]]
    return functional.interpolate(latents, size=size, mode="area")


@torch.no_grad()
def preview_pixels(vae: Any, latents: Tensor) -> Tensor:
    """Return what finished latents look like.

    Args:
        vae: the model's.
        latents: (1, channels, height, width).

    Returns:
        (3, height, width) in pixels, about -1.0 to 1.0.
    """
    return vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0][0]  # type: ignore[no-any-return]


@torch.no_grad()
def expected_latents(drawing: Drawing) -> Tensor:
    """Return the finished latents that the last step's prediction points at.

    The noise schedulers keep their own latents on different scales; the UNet's input is on the same one for all, so the
    estimate is made from that.
    """
    last: Any = drawing.last
    share = _signal_share(drawing.scheduler, float(last.timestep))
    signal, noise = share.sqrt(), (1 - share).sqrt()
    kind = drawing.scheduler.config.prediction_type
    if kind == "v_prediction":
        return signal * last.model_input - noise * last.prediction  # type: ignore[no-any-return]
    if kind == "epsilon":
        return (last.model_input - noise * last.prediction) / signal  # type: ignore[no-any-return]
    return last.prediction  # type: ignore[no-any-return]


def _signal_share(scheduler: Any, timestep: float) -> Tensor:
    """Return how much of the UNet's input is picture and not noise, as alphas_cumprod; between two timesteps too."""
    below = int(timestep)
    shares = scheduler.alphas_cumprod[below : below + 2]
    noises = ((1 - shares) / shares).sqrt()
    noise = torch.lerp(noises[0], noises[-1], timestep - below)
    return 1 / (1 + noise**2)
