from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bot.conftest import World


async def test_autocomplete_offers_the_styles_with_what_they_look_like(world: World) -> None:
    all_styles = await world.ann.autocomplete(world.channel, "imagine", "style", "", prompt="x")
    found = await world.ann.autocomplete(world.channel, "imagine", "style", "strokes", prompt="x")

    assert [choice["value"] for choice in all_styles] == ["ink", "oil"]
    assert [(choice["name"], choice["value"]) for choice in found] == [("Oil painting · thick strokes", "oil")]


async def test_a_style_is_drawn_with_its_words_and_the_reply_shows_them(world: World) -> None:
    message = await world.drawn("a red apple", style="Ink")

    assert message.content.startswith("ink drawing of a red apple, bold\nWithout: colour\n")
    assert [request.recipe.prompt for request in world.worker.requests] == ["ink drawing of a red apple, bold"]


async def test_what_is_drawn_again_keeps_the_words_of_its_style(world: World) -> None:
    parent = await world.drawn("a red apple", style="ink")

    again = await world.delivered(await world.press(world.ben, parent, "Reroll"))

    assert (await world.generation(again)).recipe.prompt == "ink drawing of a red apple, bold"


async def test_an_unknown_style_is_refused_with_those_that_there_are(world: World) -> None:
    sentence = world.refusal(await world.imagine(style="cubism"))

    assert "no style called cubism" in sentence
    assert "ink, oil" in sentence
    assert world.posts() == []


async def test_an_empty_prompt_with_a_style_is_still_empty(world: World) -> None:
    assert "prompt is empty" in world.refusal(await world.imagine("  ", style="ink"))
