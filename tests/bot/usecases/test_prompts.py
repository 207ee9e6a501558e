"""Prompts and negative prompts put together from several sources."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.prompts import PromptParts, whole_negative_prompt
from bot.domain.styles import Style
from bot.usecases.refusals import UnknownStyle
from engine.api import BadPrompt, Lora, LoraUse

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio

INK = Style("ink", "Ink", "black and white", "ink drawing of {prompt}, bold <lora:pen:0.5>", "colour")


@pytest.mark.parametrize(
    ("typed", "style", "guild", "whole"),
    [
        (None, "", "", "blurry"),
        ("hats", "", "", "hats"),
        ("", "", "", ""),
        (None, "colour", "", "blurry, colour"),
        ("hats", "colour", "text", "hats, colour, text"),
        ("", "", "text", "text"),
        ("hats, ", "colour", "", "hats, colour"),
        ("no Text", "", "text", "no Text"),
        (None, "Blurry", "", "blurry"),
    ],
)
def test_what_was_typed_replaces_the_models_and_style_and_server_add_to_it(
    typed: str | None, style: str, guild: str, whole: str
) -> None:
    assert whole_negative_prompt(typed, model="blurry", style=style, guild=guild) == whole


def test_answers_make_one_prompt_with_what_matters_most_first() -> None:
    parts = PromptParts(
        "an old\nfisherman, ", style="oil painting", light=" evening light", details="close-up,", avoid="hats"
    )

    assert parts.prompt() == "an old fisherman, oil painting, close-up, evening light"
    assert PromptParts("a cat").prompt() == "a cat"


async def test_a_style_puts_its_words_around_the_prompt_before_the_models_trigger_words(studio: Studio) -> None:
    lora = Lora("pen", "1", "sd1")
    studio.models = (replace(studio.models[0], trigger_words=("pckt style",), loras=(lora,)),)
    studio.styles = (INK,)
    await studio.reopen()

    recipe = (await studio.accepted("a (red:1.2) apple", style="Ink")).recipe

    assert recipe.prompt == "ink drawing of a (red:1.2) apple, bold <lora:pen:0.5>, pckt style"
    assert recipe.negative_prompt == "blurry, colour"
    assert recipe.loras == (LoraUse("pen", "1", 0.5),)


async def test_a_style_does_not_make_a_prompt_of_an_empty_one(studio: Studio) -> None:
    studio.styles = (replace(INK, prompt="ink drawing of {prompt}"),)
    await studio.reopen()
    with pytest.raises(BadPrompt):
        await studio.accepted(" ", style="ink")


async def test_an_unknown_style_is_refused_with_those_that_there_are(studio: Studio) -> None:
    studio.styles = (INK,)
    await studio.reopen()
    with pytest.raises(UnknownStyle) as refused:
        await studio.accepted(style="oil")
    assert (refused.value.style, refused.value.known) == ("oil", ("ink",))


async def test_the_servers_words_are_in_every_new_request_of_that_server(studio: Studio) -> None:
    before = await studio.drawn()
    await studio.usecases.admin.set_negative_prompt(studio.moderator, " text,\nwatermark, ")

    assert (await studio.accepted(negative_prompt="hats")).recipe.negative_prompt == "hats, text, watermark"
    again = await studio.usecases.variations.reroll(studio.ann, studio.place, before.id)
    assert again.recipe.negative_prompt == "blurry"

    await studio.usecases.admin.clear_negative_prompt(studio.moderator)
    assert (await studio.accepted(negative_prompt="hats")).recipe.negative_prompt == "hats"
