"""Draw the model card's contact sheet through the stock pipeline, from the folder as it is shipped."""

from __future__ import annotations

from pathlib import Path

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


def draw(weights: Path, path: Path, prompts: tuple[str, ...] = PROMPTS, seed: int = 7) -> None:
    """Write one labelled picture per prompt, five in a row.

    Args:
        weights: the model folder.
        path: the PNG to write.
        prompts: what to draw.
        seed: of every picture.
    """
    pipeline = StableDiffusionPipeline.from_pretrained(weights, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    pictures = [
        pipeline(
            prompt,
            num_inference_steps=unet.STEPS,
            guidance_scale=unet.GUIDANCE,
            generator=torch.Generator().manual_seed(seed),
        ).images[0]
        for prompt in prompts
    ]
    sheets.save([np.asarray(picture) for picture in pictures], path, columns=5, labels=prompts)
