"""Prompts to text embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def encode_prompts(pipeline: Any, prompt: str, negative_prompt: str, guidance_scale: float, exact: bool) -> Tensor:
    """Return the rows of text embeddings that every UNet call of an image takes.

    Args:
        pipeline: the model's `StableDiffusionPipeline`.
        prompt: positive prompt.
        negative_prompt: replaces the empty unconditional prompt.
        guidance_scale: 1.0 or less means that the negative prompt has no part.
        exact: then the positive prompt stands twice, because one row alone would be computed by other kernels and
            differ in its last bits.

    Returns:
        (2, tokens, features): unconditional, then conditional. (1, tokens, features) without guidance, if not exact.
    """
    guided = guidance_scale > 1.0
    positive, negative = pipeline.encode_prompt(prompt, pipeline.device, 1, guided, negative_prompt)
    if not guided and not exact:
        return positive  # type: ignore[no-any-return]
    return torch.cat([negative if guided else positive, positive])
