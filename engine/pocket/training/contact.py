"""Draw the model card's contact sheet through the stock pipeline, from the folder as it is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from engine.pocket.training import sheets, unet

PROMPTS = (
    "a red apple",
    "a cat",
    "a dog",
    "a house",
    "a tree",
    "a red heart",
    "a hamburger",
    "a pizza",
    "a fish",
    "a sunflower",
    "a blue car",
    "a green cat",
    "a purple dress",
    "a helicopter",
    "a crab",
    "a violin",
    "a giraffe",
    "a tractor",
    "a croissant",
    "a rose",
)

# The prompts of the sheet that shows how variously each is drawn.
VARIED = (
    "a red apple",
    "a cat",
    "a dog",
    "a house",
    "a tree",
    "a fish",
    "a car",
    "a robot",
    "a rose",
    "a hamburger",
    "a castle",
    "an owl",
)
SEEDS = 6


def draw(weights: Path, path: Path, prompts: tuple[str, ...] = PROMPTS, seed: int = 7) -> None:
    """Write one labelled picture per prompt, five in a row.

    Args:
        weights: the model folder.
        path: the PNG to write.
        prompts: what to draw.
        seed: of every picture.
    """
    sheets.save(_pictures(weights, [(prompt, seed) for prompt in prompts]), path, columns=5, labels=prompts)


def draw_varied(weights: Path, path: Path, prompts: tuple[str, ...] = VARIED, seeds: int = SEEDS) -> None:
    """Write a row of labelled pictures for each prompt, of seeds 7, 8 and so on."""
    asked = [(prompt, 7 + seed) for prompt in prompts for seed in range(seeds)]
    sheets.save(_pictures(weights, asked), path, columns=seeds, labels=[prompt for prompt, _ in asked])


def _pictures(weights: Path, asked: list[tuple[str, int]]) -> list[Any]:
    pipeline = StableDiffusionPipeline.from_pretrained(weights, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    drawn = [
        pipeline(
            prompt,
            num_inference_steps=unet.STEPS,
            guidance_scale=unet.GUIDANCE,
            generator=torch.Generator().manual_seed(seed),
        ).images[0]
        for prompt, seed in asked
    ]
    return [np.asarray(picture) for picture in drawn]
