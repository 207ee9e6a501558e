"""Draw with a folder of pocket's weights, as the bot does: at its sizes, varied, enlarged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

STEPS, GUIDANCE, BATCH = 20, 4.5, 8
# No seed of the training's own drawings is near these.
FIRST_SEED = 500_000
SIDE = 128
UPSCALE_STRENGTH = 0.35


@dataclass(frozen=True)
class Asked:
    """One picture to draw.

    Args:
        prompt: as a person types it.
        kind: what it asks for, as the namer calls it.
        seed: of the noise.
        colour: asked for, of the thing or of the background; empty where none is.
        blocked: whether the safety checker must stop it.
        held_out: whether the training never showed this thing in this colour.
        towards: the seed of another noise that the noise is turned to.
        turn: how far: 0 keeps the noise, 1 takes the other one.
    """

    prompt: str
    kind: str
    seed: int
    colour: str = ""
    blocked: bool = False
    held_out: bool = False
    towards: int = 0
    turn: float = 0.0


@dataclass(frozen=True)
class DrawnPicture:
    """One picture and what was asked for."""

    asked: Asked
    picture: Image.Image


class Drawer:
    """The stock pipeline of a model folder, without its checker.

    Args:
        weights: the folder.
        guidance: of the text.
        steps: of denoising.
    """

    def __init__(self, weights: Path, guidance: float = GUIDANCE, steps: int = STEPS) -> None:
        self.guidance, self.steps = guidance, steps
        self.pipeline: Any = StableDiffusionPipeline.from_pretrained(
            weights, local_files_only=True, safety_checker=None, requires_safety_checker=False
        )
        self.pipeline.set_progress_bar_config(disable=True)

    def draw(self, asked: Sequence[Asked], size: tuple[int, int] = (SIDE, SIDE)) -> list[DrawnPicture]:
        """Draw pictures of one size (width, height)."""
        return list(self._draw(asked, size))

    def enlarged(self, drawn: Sequence[DrawnPicture], factor: int = 2) -> list[DrawnPicture]:
        """Draw each picture again at so many times its sides, from itself, as Upscale does."""
        pipeline: Any = StableDiffusionImg2ImgPipeline(**self.pipeline.components, requires_safety_checker=False)
        pipeline.set_progress_bar_config(disable=True)
        steps = max(self.steps, math.ceil(1 / UPSCALE_STRENGTH))  # else none would be left to take
        made = []
        for one in tqdm(drawn, desc="enlarging", leave=False, disable=None):
            size = (one.picture.width * factor, one.picture.height * factor)
            large = one.picture.resize(size, Image.Resampling.LANCZOS)
            picture = pipeline(
                one.asked.prompt,
                image=large,
                strength=UPSCALE_STRENGTH,
                num_inference_steps=steps,
                guidance_scale=self.guidance,
                generator=torch.Generator().manual_seed(one.asked.seed),
            ).images[0]
            made.append(DrawnPicture(one.asked, picture))
        return made

    def _draw(self, asked: Sequence[Asked], size: tuple[int, int]) -> Iterator[DrawnPicture]:
        for start in tqdm(range(0, len(asked), BATCH), desc="drawing", leave=False, disable=None):
            part = asked[start : start + BATCH]
            pictures = self.pipeline(
                [one.prompt for one in part],
                width=size[0],
                height=size[1],
                num_inference_steps=self.steps,
                guidance_scale=self.guidance,
                latents=torch.cat([noise(one, size) for one in part]),
            ).images
            yield from (DrawnPicture(one, picture) for one, picture in zip(part, pictures, strict=True))


def noise(asked: Asked, size: tuple[int, int]) -> Tensor:
    """(1, 4, height / 8, width / 8): the noise a picture begins with, turned towards another where that is asked."""
    first = _seeded(asked.seed, size)
    if not asked.turn:
        return first
    second = _seeded(asked.towards, size)
    # On the sphere, so that a mixture of two noises is as strong as each.
    angle = torch.acos((first * second).sum() / (first.norm() * second.norm()))
    near, far = torch.sin((1 - asked.turn) * angle), torch.sin(asked.turn * angle)
    mixed: Tensor = (near * first + far * second) / torch.sin(angle)
    return mixed


def _seeded(seed: int, size: tuple[int, int]) -> Tensor:
    return torch.randn(1, 4, size[1] // 8, size[0] // 8, generator=torch.Generator().manual_seed(seed))
