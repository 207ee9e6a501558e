"""Clip skip: a prompt's context from an earlier layer of the text encoders, as in the stock pipelines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from engine.api import OutOfRange
from engine.worker.conditioning.prompts import encode_prompts
from engine.worker.conditioning.rows import Conditioning

if TYPE_CHECKING:
    from tests.engine.worker.conditioning.conftest import Family

Draw = Callable[..., tuple[list[Tensor], list[Tensor]]]
WORDS = "an old tree by the sea, "


def encode(family: Family, prompt: str, clip_skip: int, negative_prompt: str = "", **changes: Any) -> Conditioning:
    recipe = replace(family.recipe, prompt=prompt, negative_prompt=negative_prompt, clip_skip=clip_skip, **changes)
    return encode_prompts(family.model.pipeline, recipe, exact=True)


def context(family: Family, prompt: str, clip_skip: int) -> Tensor:
    return encode(family, prompt, clip_skip).context[1]


@pytest.fixture
def stock(family: Family, make_stock: Callable[[str], Any]) -> Any:
    """The stock pipeline. diffusers 0.42 looks for its last layer's norm where transformers 5 has it no more."""
    pipeline = make_stock(family.recipe.model)
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)
    return pipeline


@pytest.mark.parametrize("negative_prompt", ["", "blue"])
@pytest.mark.parametrize("clip_skip", [0, 1])
def test_a_prompt_is_the_stock_pipelines_bit_for_bit(
    family: Family, stock: Any, clip_skip: int, negative_prompt: str
) -> None:
    ours = encode(family, "a red apple", clip_skip, negative_prompt)
    positive, negative, *pooled = stock.encode_prompt(
        "a red apple",
        device="cpu",
        num_images_per_prompt=1,
        do_classifier_free_guidance=True,
        negative_prompt=negative_prompt or None,
        clip_skip=clip_skip,
    )
    assert torch.equal(ours.context, torch.cat([negative, positive]))
    if ours.added:
        assert torch.equal(ours.added.text_embeds, torch.cat(pooled[::-1]))


def test_it_changes_the_prompt_and_neither_the_negative_prompt_nor_pooled_text(family: Family) -> None:
    plain, skipped = encode(family, "a red apple", 0, "blue"), encode(family, "a red apple", 1, "blue")
    assert torch.equal(plain.context[0], skipped.context[0])
    assert not torch.allclose(plain.context[1], skipped.context[1], atol=0.01)
    if plain.added and skipped.added:
        assert torch.equal(plain.added.text_embeds, skipped.added.text_embeds)


def test_a_long_prompt_skips_in_every_chunk_and_so_do_those_that_lengthen_it(family: Family) -> None:
    first, second = torch.split(context(family, "x " * 75 + "y " * 75, 1), 77)
    assert torch.equal(first, context(family, "x " * 75, 1))
    assert torch.equal(second, context(family, "y " * 75, 1))
    lengthened = encode(family, "red", 1, "y " * 100).context[1]
    assert torch.equal(lengthened[77:], context(family, "", 1))


def test_a_weight_moves_a_words_context_away_from_the_empty_prompts_of_the_same_layer(family: Family) -> None:
    empty, plain, heavy = (context(family, prompt, 1) for prompt in ("", "a red apple", "a (red:1.5) apple"))
    assert torch.equal(context(family, "a (red:1.0) apple", 1), plain)
    wanted = torch.where((heavy != plain), empty + (plain - empty) * 1.5, plain)
    assert torch.allclose(heavy, wanted, rtol=1e-4, atol=1e-5)
    assert (heavy != plain).any(dim=1).nonzero().flatten().tolist() == [2, 3, 4]


def test_pictures_that_skip_and_others_share_a_batch_and_equal_each_alone(
    family: Family, stock: Any, draw_together: Draw
) -> None:
    recipes = [replace(family.recipe, prompt=prompt, clip_skip=skip) for prompt, skip in
               (("a red apple", 1), ("a red apple", 0), ("a (red:1.3) apple, " + WORDS * 4, 1))]  # fmt: skip
    together, _ = draw_together(family.model, *recipes)
    for latents, recipe in zip(together, recipes, strict=True):
        alone, _ = draw_together(family.model, recipe)
        assert torch.equal(latents, alone[0])
    assert not torch.equal(together[0], together[1])


def test_more_than_the_encoder_has_is_refused_with_what_it_has(family: Family) -> None:
    layers = family.model.pipeline.text_encoder.config.num_hidden_layers
    most = layers - 1 - (family.recipe.model == "sdxl")
    encode(family, "a red apple", most)
    with pytest.raises(OutOfRange) as refused:
        encode(family, "a red apple", most + 1)
    assert (refused.value.field, refused.value.high) == ("clip skip", most)


def test_recipes_from_before_the_syntax_may_skip_too(family: Family, stock: Any) -> None:
    family = replace(family, model=replace(family.model, pipeline=stock))
    old = encode(family, "a red apple", 1, parser_version=1)
    assert torch.equal(old.context, encode(family, "a red apple", 1).context)
