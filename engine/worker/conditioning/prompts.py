"""Prompts to conditioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from engine.api import Recipe, parse_prompt
from engine.worker.conditioning.encoders import text_encoders
from engine.worker.conditioning.rows import Added, Conditioning, join

NO_INVERSIONS: Mapping[str, Path] = MappingProxyType({})
_WITHOUT_SYNTAX = 1


@torch.no_grad()
def encode_prompts(
    pipeline: Any, recipe: Recipe, exact: bool, inversions: Mapping[str, Path] = NO_INVERSIONS
) -> Conditioning:
    """Return the rows of conditioning that every UNet call of an image takes.

    Args:
        pipeline: the model's `StableDiffusionPipeline` or `StableDiffusionXLPipeline`.
        recipe: its prompts, guidance and size. If it is not guided, the negative prompt has no part.
        exact: then the positive prompt stands twice without guidance, because one row alone would be computed by other
            kernels and differ in its last bits.
        inversions: files of the recipe's textual inversions by the word that stands for them.

    Returns:
        Two rows: unconditional, then conditional; one without guidance, if not exact.

    Raises:
        InversionError: one of the files is not for this model.
        OutOfRange: the text encoder has no more layers to skip.
    """
    guided = recipe.guided
    if recipe.parser_version == _WITHOUT_SYNTAX:
        rows = _encode_as_written(pipeline, recipe, guided)
    else:
        rows = _encode(pipeline, recipe, guided, inversions)
    return join(rows * 2 if exact and not guided else rows)


def _encode(pipeline: Any, recipe: Recipe, guided: bool, inversions: Mapping[str, Path]) -> list[Conditioning]:
    """Encode the prompts by their syntax; the shorter is made as long as the longer."""
    # As in the stock pipelines, the prompt alone skips layers; the negative prompt never does.
    asked = [(recipe.negative_prompt, 0)] * guided + [(recipe.prompt, recipe.clip_skip)]
    prompts = [parse_prompt(text) for text, _ in asked]
    encoders_of = [text_encoders(pipeline, inversions, clip_skip) for _, clip_skip in asked]
    encoded = [[encoder.encode(prompt) for encoder in each] for prompt, each in zip(prompts, encoders_of, strict=True)]
    tokens = max(part.context.shape[1] for parts in encoded for part in parts)
    rows = []
    for encoders, parts in zip(encoders_of, encoded, strict=True):
        longer = [encoder.lengthen(part.context, tokens) for encoder, part in zip(encoders, parts, strict=True)]
        rows.append(_row(recipe, torch.cat(longer, dim=-1), parts[-1].pooled))
    added = rows[0].added
    if guided and added and not prompts[0].sections and pipeline.config.force_zeros_for_empty_prompt:
        # What SDXL was trained with in place of an empty negative prompt.
        rows[0] = _row(recipe, torch.zeros_like(rows[0].context), torch.zeros_like(added.text_embeds))
    return rows


def _encode_as_written(pipeline: Any, recipe: Recipe, guided: bool) -> list[Conditioning]:
    """Encode the prompts as the stock pipeline does: brackets are text, and what is too long is cut off."""
    encoded: Sequence[Tensor | None] = pipeline.encode_prompt(
        recipe.prompt,
        device=pipeline.device,
        num_images_per_prompt=1,
        do_classifier_free_guidance=guided,
        negative_prompt=recipe.negative_prompt or None,
        clip_skip=recipe.clip_skip or None,
    )
    positive, negative, *pooled = encoded
    rows = zip((negative, positive), reversed(pooled or (None, None)), strict=True)
    return [_row(recipe, context, pooled) for context, pooled in rows if context is not None]


def _row(recipe: Recipe, context: Tensor, pooled: Tensor | None) -> Conditioning:
    if pooled is None:
        return Conditioning(context)
    size = (recipe.height, recipe.width)  # of a picture that is neither a crop nor scaled
    return Conditioning(context, Added(pooled, torch.tensor([[*size, 0, 0, *size]]).to(context)))
