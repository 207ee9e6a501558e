"""Weights, chunks and prompts of any length, for every family and both of SDXL's text encoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from compel import CompelForSD, CompelForSDXL
from torch import Tensor

from engine.api import Recipe, parse_prompt
from engine.worker.conditioning.prompts import encode_prompts
from engine.worker.conditioning.rows import Conditioning

if TYPE_CHECKING:
    from tests.engine.worker.conditioning.conftest import Family

Draw = Callable[..., tuple[list[Tensor], list[Tensor]]]
WORDS = "an old tree by the sea, "


def encode(family: Family, prompt: str, negative_prompt: str = "", **changes: Any) -> Conditioning:
    recipe = replace(family.recipe, prompt=prompt, negative_prompt=negative_prompt, **changes)
    return encode_prompts(family.model.pipeline, recipe, exact=True)


def context(family: Family, prompt: str, negative_prompt: str = "", **changes: Any) -> Tensor:
    """The positive prompt's context."""
    return encode(family, prompt, negative_prompt, **changes).context[1]


def chunks(family: Family, prompt: str) -> list[Tensor]:
    return list(torch.split(context(family, prompt), 77))


def compels(family: Family, prompt: str) -> Tensor:
    """What compel makes of a prompt in its own syntax."""
    kind = CompelForSDXL if family.recipe.model == "sdxl" else CompelForSD
    return kind(family.stock)(prompt).embeds[0]  # type: ignore[no-any-return]


def translated(prompt: str) -> str:
    """A prompt in compel's syntax."""
    sections = [
        "".join(text.text if text.weight == 1 else f"({text.text}){text.weight}" for text in section)
        for section in parse_prompt(prompt).sections
    ]
    quoted = ", ".join(f'"{section}"' for section in sections)
    return sections[0] if len(sections) == 1 else f"({quoted}).and()"


@pytest.mark.parametrize(
    "prompt",
    [
        "a red apple",
        "a (red:1.3) apple",
        "a ((red)) apple on a (table:1.5)",
        "a (red:0.6) apple",
        "a [red] apple, (green:0.4) leaves",
        "(beautiful:1.2) sunset over (calm:0.8) ocean",
        "a (red:1.3) apple BREAK a [blue] (sea:2)",
    ],
)
def test_weighted_context_is_compels(family: Family, prompt: str) -> None:
    ours, theirs = context(family, prompt), compels(family, translated(prompt))
    assert ours.shape == theirs.shape
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    if "(" in prompt:
        assert not torch.allclose(ours, compels(family, "a red apple").repeat(len(ours) // 77, 1), atol=0.01)


@pytest.mark.parametrize("prompt", ["a red apple", "", "x " * 75, " é  🍎\n!!"])
@pytest.mark.parametrize("negative_prompt", ["", "blue", "y " * 75])
def test_a_short_prompt_without_weights_is_the_stock_pipelines_bit_for_bit(
    family: Family, prompt: str, negative_prompt: str
) -> None:
    ours = encode(family, prompt, negative_prompt)
    positive, negative, *pooled = family.stock.encode_prompt(
        prompt,
        device="cpu",
        num_images_per_prompt=1,
        do_classifier_free_guidance=True,
        negative_prompt=negative_prompt or None,
    )
    assert torch.equal(ours.context, torch.cat([negative, positive]))
    assert (ours.added is None) == (not pooled)
    if ours.added:
        assert torch.equal(ours.added.text_embeds, torch.cat(pooled[::-1]))


@pytest.mark.parametrize(
    "prompt", ["a (red:1.0) apple", "a ([red]) apple", "a <lora:ink:0.8>red apple", "a red apple BREAK"]
)
def test_a_weight_of_one_is_no_weight_bit_for_bit(family: Family, prompt: str) -> None:
    assert torch.equal(context(family, prompt), context(family, "a red apple"))


def test_escaped_brackets_are_encoded_as_brackets(family: Family) -> None:
    assert torch.equal(context(family, r"a \(red\) apple"), context(family, "a (red) apple", parser_version=1))
    assert not torch.equal(context(family, "a (red) apple"), context(family, "a (red) apple", parser_version=1))


def test_recipes_from_before_the_syntax_are_read_as_they_were(family: Family) -> None:
    old = encode(family, "a (red:1.3) apple " + "x " * 100, "(blue)", parser_version=1)
    assert old.context.shape[1] == 77
    assert torch.equal(old.context, encode(family, "a \\(red:1.3\\) apple " + "x " * 60, "\\(blue\\)").context)


def test_the_heavier_a_word_the_further_its_context_is_from_the_empty_prompts(family: Family) -> None:
    empty = context(family, "")
    far = [float((context(family, f"a (red:{weight}) apple") - empty).norm()) for weight in (1, 1.5, 2)]
    assert far == sorted(far)


def test_a_heavier_word_leaves_the_context_of_all_others_bit_for_bit(family: Family) -> None:
    plain, weighted = context(family, "a red apple"), context(family, "a (red:1.5) apple")
    changed = (plain != weighted).any(dim=1).nonzero().flatten().tolist()
    assert changed == [2, 3, 4]  # every letter is a token


def test_a_word_of_no_weight_is_as_if_nothing_attended_to_it(family: Family) -> None:
    """Tokens after it do not know which word it was."""
    red, tan = (context(family, f"a ({word}:0) apple") for word in ("red", "tan"))
    assert torch.allclose(red, tan, rtol=1e-3, atol=0.01)
    assert not torch.allclose(context(family, "a red apple"), context(family, "a tan apple"), rtol=1e-3, atol=0.01)


def test_a_prompt_of_200_tokens_is_more_than_its_first_77(family: Family) -> None:
    prompt = "x " * 75 + "y " * 75 + "z " * 50
    first, second, third = chunks(family, prompt)
    assert torch.equal(first, context(family, "x " * 75))
    assert torch.equal(second, context(family, "y " * 75))
    assert torch.equal(third, context(family, "z " * 50))


def test_a_long_prompt_draws_another_picture_than_its_beginning(family: Family, draw_together: Draw) -> None:
    long = replace(family.recipe, prompt=WORDS * 12)
    short = replace(family.recipe, prompt=(WORDS * 12)[:75])
    (one,), _ = draw_together(family.model, long)
    (other,), _ = draw_together(family.model, short)
    assert not torch.allclose(one, other, atol=1e-3)


def test_a_chunk_ends_at_a_comma_that_is_near_its_end(family: Family) -> None:
    early, late = "x " * 60 + ", ", "y " * 30
    first, second = chunks(family, early + late)
    assert torch.equal(first, context(family, early))
    assert torch.equal(second, context(family, late))
    first, _ = chunks(family, "x " * 50 + ", " + late)
    assert torch.equal(first, context(family, "x " * 50 + ", " + "y " * 24))


def test_break_begins_a_new_chunk(family: Family) -> None:
    first, second = chunks(family, "a red apple BREAK a blue sea")
    assert torch.equal(first, context(family, "a red apple"))
    assert torch.equal(second, context(family, "a blue sea"))


def test_a_weight_holds_in_every_chunk_that_its_words_come_to(family: Family) -> None:
    first, second = chunks(family, "(" + "x " * 100 + ":1.5)")
    assert torch.equal(first, context(family, "(" + "x " * 75 + ":1.5)"))
    assert torch.equal(second, context(family, "(" + "x " * 25 + ":1.5)"))


@pytest.mark.parametrize(
    ("prompt", "negative_prompt", "count"), [("x " * 200, "blue", 3), ("red", "y " * 100, 2), ("x " * 80, "", 2)]
)
def test_the_shorter_prompt_is_lengthened_by_the_empty_one(
    family: Family, prompt: str, negative_prompt: str, count: int
) -> None:
    both = encode(family, prompt, negative_prompt).context
    zeros = family.recipe.model == "sdxl" and not negative_prompt
    empty = torch.zeros_like(both[0, :77]) if zeros else context(family, "")
    shorter = both[0] if len(negative_prompt) < len(prompt) else both[1]
    assert both.shape[1] == 77 * count
    assert all(torch.equal(chunk, empty) for chunk in torch.split(shorter, 77)[1:])


def test_pooled_text_is_that_of_the_first_chunk_without_weights(sdxl: Family) -> None:
    def pooled(prompt: str) -> Tensor:
        added = encode(sdxl, prompt).added
        assert added is not None
        return added.text_embeds[1]

    assert torch.equal(pooled("a (red:1.4) [apple] BREAK blue"), pooled("a red apple"))
    assert not torch.equal(pooled("a red apple"), pooled("a tan apple"))


def test_prompts_of_many_lengths_and_weights_in_one_batch_equal_each_alone(
    family: Family, varied: Callable[[Recipe, int], Recipe], draw_together: Draw
) -> None:
    prompts = ("a (red:1.4) apple", "a red apple", WORDS * 12, "[a] red (apple:0.5)", "a BREAK b BREAK c", WORDS * 4)
    wanted = [replace(varied(family.recipe, number), prompt=prompt) for number, prompt in enumerate(prompts)]
    together, _ = draw_together(family.model, *wanted)
    for latents, recipe in zip(together, wanted, strict=True):
        alone, _ = draw_together(family.model, recipe)
        assert torch.equal(latents, alone[0])
