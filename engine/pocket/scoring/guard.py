"""The safety checker of a model folder, asked about pictures of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image, ImageOps

from engine.pocket.scoring.drawing import SIDE


class Guard:
    """The folder's safety checker; a picture is stopped when it stops one view of it.

    Args:
        pipeline: gives the preprocessing.
        weights: the model folder.
    """

    def __init__(self, pipeline: Any, weights: Path) -> None:
        self._prepare = pipeline.feature_extractor
        self._checker = StableDiffusionSafetyChecker.from_pretrained(weights / "safety_checker").eval()

    @torch.no_grad()
    def flags(self, pictures: Sequence[Image.Image]) -> list[bool]:
        """Say of each picture whether it would be stopped."""
        return [any(self._stopped(views(picture))) for picture in pictures]

    def _stopped(self, squares: list[Image.Image]) -> list[bool]:
        pixels = self._prepare(squares, return_tensors="pt").pixel_values
        # The checker blackens what it stops: these stand for the pictures.
        return list(self._checker(clip_input=pixels, images=np.zeros((len(pixels), 1, 1, 3)))[1])


def views(picture: Image.Image) -> list[Image.Image]:
    """What the gate looks at: of a picture of the model's own size that alone, of others the whole on white, and
    squares of at most that size, each showing again three quarters of the one before."""
    tile = min(*picture.size, SIDE)
    if picture.size == (tile, tile):
        return [picture]
    whole = ImageOps.pad(picture, (max(picture.size),) * 2, color="white")
    across, down = (_starts(length, tile) for length in picture.size)
    return [whole, *(picture.crop((left, top, left + tile, top + tile)) for top in down for left in across)]


def _starts(length: int, tile: int) -> list[int]:
    count = 1 + math.ceil((length - tile) / (tile / 4))
    return [round(start) for start in np.linspace(0, length - tile, count).tolist()]
