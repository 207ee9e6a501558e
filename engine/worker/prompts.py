"""Prompts to conditioning."""

from __future__ import annotations

from typing import Any

import torch

from engine.api import Recipe
from engine.worker.conditioning import Added, Conditioning, join


@torch.no_grad()
def encode_prompts(pipeline: Any, recipe: Recipe, exact: bool) -> Conditioning:
    """Return the rows of conditioning that every UNet call of an image takes.

    Args:
        pipeline: the model's `StableDiffusionPipeline` or `StableDiffusionXLPipeline`.
        recipe: its prompts, guidance and size. A guidance_scale of 1.0 or less means that the negative prompt has no
            part.
        exact: then the positive prompt stands twice without guidance, because one row alone would be computed by other
            kernels and differ in its last bits.

    Returns:
        Two rows: unconditional, then conditional; one without guidance, if not exact.
    """
    guided = recipe.guidance_scale > 1.0
    positive, negative = _encode(pipeline, recipe, guided)
    if negative is not None:
        return join([negative, positive])
    return join([positive, positive]) if exact else positive


def _encode(pipeline: Any, recipe: Recipe, guided: bool) -> tuple[Conditioning, Conditioning | None]:
    if getattr(pipeline, "text_encoder_2", None) is None:
        positive, negative = pipeline.encode_prompt(recipe.prompt, pipeline.device, 1, guided, recipe.negative_prompt)
        return Conditioning(positive), Conditioning(negative) if guided else None
    positive, negative, pooled, negative_pooled = pipeline.encode_prompt(
        recipe.prompt,
        device=pipeline.device,
        do_classifier_free_guidance=guided,
        # None lets SDXL put zeros in place of an empty negative prompt, which is what it was trained with.
        negative_prompt=recipe.negative_prompt or None,
    )
    time_ids = _time_ids(recipe).to(positive)
    return (
        Conditioning(positive, Added(pooled, time_ids)),
        Conditioning(negative, Added(negative_pooled, time_ids)) if guided else None,
    )


def _time_ids(recipe: Recipe) -> torch.Tensor:
    """Return SDXL's time ids, (1, 6), of a picture that is neither a crop nor scaled."""
    size = (recipe.height, recipe.width)
    return torch.tensor([[*size, 0, 0, *size]])
