"""The safety checker of a model folder, asked about pictures of any size as the gate asks it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image

from engine.pocket.scoring.drawing import SIDE
from engine.views import square_views


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
        return [any(self._stopped(square_views(picture, SIDE))) for picture in pictures]

    def _stopped(self, squares: list[Image.Image]) -> list[bool]:
        pixels = self._prepare(squares, return_tensors="pt").pixel_values
        # The checker blackens what it stops: these stand for the pictures.
        return list(self._checker(clip_input=pixels, images=np.zeros((len(pixels), 1, 1, 3)))[1])
