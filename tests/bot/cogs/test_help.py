from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.texts import help as help_texts
from bot.texts import phrases
from bot.texts import prompts as prompt_texts
from engine.api import expand_permutations, parse_prompt
from engine.catalog.schedulers import SCHEDULERS
from tests.bot.conftest import POCKET

if TYPE_CHECKING:
    from tests.bot.conftest import World


async def read(world: World, **options: str) -> str:
    """Use /help as Ann, and return what only she sees."""
    result = await world.ann.slash(world.channel, "help", **options)
    assert result.ephemeral
    assert result.response is not None
    assert world.labels(result.response) == [prompt_texts.BUILD_BUTTON]
    return result.response.content


@pytest.mark.parametrize("topic", help_texts.TOPICS)
async def test_every_topic_is_one_message_that_only_the_member_sees(world: World, topic: str) -> None:
    text = await read(world, topic=topic)

    assert 100 < len(text) <= 1300
    assert world.posts() == []


async def test_without_a_topic_help_says_what_to_type_and_names_the_other_topics(world: World) -> None:
    text = await read(world)

    assert text == help_texts.START
    assert all(topic in text for topic in help_texts.TOPICS if topic != "start")


async def test_help_names_only_options_that_imagine_has(world: World) -> None:
    command = world.bot.tree.get_command("imagine")
    options = {option["name"] for option in command.to_dict(world.bot.tree)["options"]}  # type: ignore[union-attr]

    named = re.findall(r"`([a-z_]+)`", help_texts.START + help_texts.SETTINGS + help_texts.TROUBLE)

    assert {"style", "guidance", "seed"} <= set(named) <= options


def test_the_noise_schedulers_that_help_recommends_are_on_offer() -> None:
    for name in ("DPM++ 2M Karras", "UniPC", "Euler a"):
        assert name in SCHEDULERS
        assert name in help_texts.SETTINGS


def test_the_example_of_the_syntax_does_what_is_said_of_it() -> None:
    example = help_texts.SYNTAX.split("```")[1].strip()

    first, second = expand_permutations(example, 20)

    weights = {passage.text: passage.weight for passage in parse_prompt(first).sections[0]}
    assert weights["red"] == 1.3
    assert 0.9 < weights["snow"] < 1.0
    assert (first[-7:], second[-5:]) == ("morning", "night")


async def test_the_models_page_has_the_licence_of_each_allowed_model_and_no_other(world: World) -> None:
    await world.moderator.slash(world.channel, "admin models deny", model="other")

    text = await read(world, topic="models")

    assert "`pocket`" in text
    assert "Licence: MIT." in text
    assert "`other`" not in text


def test_the_models_page_says_what_a_licence_forbids_and_counts_what_has_no_room() -> None:
    model = replace(POCKET, restrictions="No harm.", trigger_words=("pckt style",), description="x" * 120)

    text = help_texts.models(replace(model, id=f"model-{number}") for number in range(40))

    assert "Licence: MIT. No harm. Brings out its style: pckt style." in text
    assert re.search(r"… and \d+ more$", text)
    assert len(text) <= phrases.MESSAGE_LENGTH


async def test_the_styles_page_lists_the_styles(world: World) -> None:
    text = await read(world, topic="styles")

    assert "- `ink` black and white" in text
    assert "- `oil` thick strokes" in text
