from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.texts import prompts as prompt_texts
from bot.texts import refusals as refusal_texts

if TYPE_CHECKING:
    from simcord.results import InteractionResult

    from tests.bot.conftest import World

ANSWERS = {
    "subject": "an old fisherman",
    "style": "oil painting",
    "light": "evening light",
    "details": "close-up",
    "avoid": "hats",
}


async def sent(world: World, **answers: str) -> InteractionResult:
    """Use /build as Ann, fill the form and send it."""
    return await world.ann.submit_modal(await world.ann.slash(world.channel, "build"), answers)


async def test_the_answers_are_drawn_as_one_prompt_that_everyone_can_copy(world: World) -> None:
    message = await world.delivered(await sent(world, **ANSWERS))

    assert message.content.startswith(
        f"<@{world.ann.id}> · an old fisherman, oil painting, close-up, evening light\nWithout: hats\n"
    )
    assert message.attachments
    assert "Reroll" in world.labels(message)


async def test_only_the_subject_is_needed(world: World) -> None:
    message = await world.delivered(await sent(world, subject="a cat"))

    assert (await world.generation(message)).recipe.prompt == "a cat"


async def test_the_button_under_help_opens_the_form_even_after_a_restart(world: World) -> None:
    shown = await world.ann.slash(world.channel, "help")
    assert shown.response is not None
    await world.restart()

    form = await world.press(world.ann, shown.response, prompt_texts.BUILD_BUTTON)

    message = await world.delivered(await world.ann.submit_modal(form, {"subject": "a boat"}))
    assert (await world.generation(message)).recipe.prompt == "a boat"


async def test_a_form_that_was_open_at_a_restart_is_taken_all_the_same(world: World) -> None:
    form = await world.ann.slash(world.channel, "build")
    await world.restart()

    message = await world.delivered(await world.ann.submit_modal(form, ANSWERS))

    assert (await world.generation(message)).recipe.prompt == "an old fisherman, oil painting, close-up, evening light"


@pytest.mark.parametrize(
    ("subject", "sentence"), [("  ", refusal_texts.PROMPT_EMPTY), ("porn", refusal_texts.PROMPT_FORBIDDEN)]
)
async def test_answers_are_refused_as_any_prompt_is(world: World, subject: str, sentence: str) -> None:
    assert world.refusal(await sent(world, subject=subject)) == sentence
    assert world.posts() == []


async def test_braces_in_an_answer_are_offered_first(world: World) -> None:
    result = await sent(world, subject="{red, blue} apple", light="evening light")

    assert result.ephemeral
    assert result.response is not None
    assert "1. red apple, evening light\n2. blue apple, evening light" in result.response.content


async def test_the_longest_answers_fit_a_prompt(world: World) -> None:
    form = await world.ann.slash(world.channel, "build")
    assert form.modal is not None
    longest = {
        label["component"]["custom_id"]: "x" * label["component"]["max_length"] for label in form.modal["components"]
    }

    message = await world.delivered(await world.ann.submit_modal(form, longest))

    assert message.attachments
