"""Previews: what the latents of an unfinished image would look like, by a linear map instead of the VAE."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.api import ReviewedImage
from engine.worker.batch import Drawing
from engine.worker.safety import SafetyGate

MAX_SIDE = 128
_PREVIEWS_PER_JOB = 5
_FILE = "latent_preview.json"


@dataclass(frozen=True, slots=True)
class LatentColours:
    """A linear map from a latent's four channels to the colour below it, in -1.0 to 1.0.

    Args:
        weights: (4, 3), red, green and blue of each channel.
        bias: (3,).
    """

    weights: Tensor
    bias: Tensor


SD_COLOURS = (
    ((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473)),
    (0.0, 0.0, 0.0),
)
"""For Stable Diffusion 1.x and 2.x. Source: keturn, discuss.huggingface.co, "Decoding latents to RGB without
upscaling", a least-squares fit of scaled latents to pixels."""
SDXL_COLOURS = (
    ((0.3651, 0.4232, 0.4341), (-0.2533, -0.0042, 0.1068), (0.1076, 0.1111, -0.0362), (-0.3165, -0.2492, -0.2188)),
    (0.1084, -0.0175, -0.0011),
)
"""For SDXL, whose VAE has other channels. Source: ComfyUI, comfy/latent_formats.py."""
_COLOURS = {"sd1": SD_COLOURS, "sd2": SD_COLOURS, "sdxl": SDXL_COLOURS}


def read_latent_colours(folder: Path, family: str) -> LatentColours:
    """Return the map in the model folder's `latent_preview.json`, or else its family's.

    Raises:
        ValueError: the file is there but does not hold {"weights": 4 rows of 3, "bias": 3 numbers}.
    """
    weights, bias = _COLOURS[family]
    if (folder / _FILE).is_file():
        data = json.loads((folder / _FILE).read_text("utf-8"))
        weights, bias = data["weights"], data["bias"]
    colours = LatentColours(torch.tensor(weights, dtype=torch.float32), torch.tensor(bias, dtype=torch.float32))
    if colours.weights.shape != (4, 3) or colours.bias.shape != (3,):
        raise ValueError(f"{_FILE} must hold 4 rows of 3 weights and a bias of 3 numbers")
    return colours


def preview_due(step: int, steps: int) -> bool:
    """Say whether to show a preview after `step` of an image's `steps`: about five times, never at the end."""
    return step < steps and step % max(1, -(-steps // _PREVIEWS_PER_JOB)) == 0


def review_preview(unfinished: Sequence[Tensor], colours: LatentColours, gate: SafetyGate) -> ReviewedImage | None:
    """Return a reviewed picture of a job's unfinished images, or None if the gate does not allow all of it.

    Args:
        unfinished: what `expected_latents` gave for each.
        colours, gate: the model's.
    """
    tiles: list[ReviewedImage] = []
    for latents in unfinished:
        latents = latents.float().cpu()
        review = gate.review(preview_pixels(latents, colours), latents)
        if review.image is None:
            return None
        tiles.append(review.image)
    return tiles[0] if len(tiles) == 1 else gate.compose(tiles)


@torch.no_grad()
def preview_pixels(latents: Tensor, colours: LatentColours) -> Tensor:
    """Return what finished latents look like, about.

    Args:
        latents: (1, 4, height, width) on the CPU, float32.
        colours: the model's map.

    Returns:
        (3, height, width), about -1.0 to 1.0, the longer side at most MAX_SIDE.
    """
    pixels = torch.einsum("nchw,cr->nrhw", latents, colours.weights) + colours.bias[:, None, None]
    scale = MAX_SIDE / max(pixels.shape[-2:])
    if scale >= 1:
        pixels = functional.interpolate(pixels, scale_factor=int(scale), mode="bilinear")
    else:
        pixels = functional.interpolate(pixels, scale_factor=scale, mode="area")
    return pixels[0]


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
