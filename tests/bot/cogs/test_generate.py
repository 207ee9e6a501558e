from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from bot.domain.records import JobState
from bot.texts import phrases
from bot.texts import refusals as refusal_texts

if TYPE_CHECKING:
    from tests.bot.conftest import World


async def test_a_request_for_one_picture_ends_as_that_picture_with_its_buttons(world: World) -> None:
    message = await world.drawn("a red apple", seed="7")

    generation = await world.generation(message)
    assert [attachment.filename for attachment in message.attachments] == [f"{generation.id}.png"]
    assert world.labels(message)[:4] == ["Vary subtle", "Vary strong", "Reroll", "Delete"]
    assert generation.state is JobState.DELIVERED
    assert generation.message_id == message.id
    assert generation.pictures[0].attachment_id == message.attachments[0].id


async def test_a_request_for_four_pictures_ends_as_a_grid_with_buttons_for_each(world: World) -> None:
    message = await world.drawn(count=4)

    assert world.labels(message) == [
        *("Show 1", "Show 2", "Show 3", "Show 4"),
        *("Vary 1", "Vary 2", "Vary 3", "Vary 4"),
        *("Upscale 1", "Upscale 2", "Upscale 3", "Upscale 4"),
        *("Reroll", "Delete"),
    ]
    assert Image.open(BytesIO(world.file(message))).size == (256, 256)


async def test_a_result_names_everything_that_is_needed_to_draw_it_again(world: World) -> None:
    message = await world.drawn(
        "a red apple",
        negative_prompt="leaves",
        size="128x192",
        steps=12,
        guidance=6.5,
        scheduler="euler A",
        seed="41",
        count=2,
    )

    for fact in ("a red apple", "leaves", "pocket", "128x192", "12 steps", "guidance 6.5", "Euler a", "seeds 41, 42"):
        assert fact in message.content
    assert world.generation_id(message) in message.content


async def test_a_request_is_one_message_and_everyone_sees_it(world: World) -> None:
    message = await world.drawn()

    assert [post.id for post in world.posts()] == [message.id]


async def test_a_size_may_be_given_by_its_name(world: World) -> None:
    message = await world.drawn(size="Portrait")

    assert "128x192" in message.content


async def test_a_request_counts_for_the_day_as_many_pictures_as_it_has(world: World) -> None:
    await world.drawn(count=3)

    assert await world.used_today(world.ann) == 3


@pytest.mark.parametrize(
    ("preset", "steps"), [("draft", "10 steps"), ("standard", "20 steps"), ("quality", "32 steps")]
)
async def test_a_preset_sets_the_steps_of_the_model(world: World, preset: str, steps: str) -> None:
    message = await world.drawn(preset=preset)

    assert f" {steps}" in message.content


async def test_what_a_member_sets_wins_over_the_preset(world: World) -> None:
    message = await world.drawn(preset="draft", steps=12, size="128x192", scheduler="Euler a")

    assert all(fact in message.content for fact in ("12 steps", "128x192", "Euler a"))


BAD_INPUT: list[tuple[dict[str, Any], list[str]]] = [
    ({"prompt": "   "}, [refusal_texts.PROMPT_EMPTY]),
    ({"prompt": "x" * 4001}, ["4000", "4001", "shorten it"]),
    ({"size": "100x100"}, ["100x100", "128x128 or 128x192"]),
    ({"size": "4096x4096"}, ["4096x4096", "nearest", "192x128"]),
    ({"size": "256x256"}, ["no side may be over 192", "128x192"]),
    ({"size": "enormous"}, ["enormous", "WIDTHxHEIGHT", "portrait"]),
    ({"steps": 0}, ["Steps must be between 1 and 60"]),
    ({"steps": 9999}, ["Steps must be between 1 and 60"]),
    ({"steps": 50}, ["Steps may be 40 at most"]),
    ({"guidance": 99.0}, ["Guidance must be between 1 and 15"]),
    ({"guidance": -1.0}, ["Guidance must be between 1 and 15"]),
    ({"model": "sdxl"}, ["sdxl", "pocket, other"]),
    ({"scheduler": "Karras"}, ["Karras", "DPM++ 2M, Euler a"]),
    ({"seed": "apple"}, ["apple", "0 to 4294967295"]),
    ({"seed": "-1"}, ["0 to 4294967295"]),
    ({"seed": "4294967296"}, ["0 to 4294967295"]),
    ({"seed": "1.5"}, ["0 to 4294967295"]),
    ({"count": 0}, ["Count must be between 1 and 4"]),
    ({"count": 9}, ["Count must be between 1 and 4"]),
]


@pytest.mark.parametrize(("options", "words"), BAD_INPUT, ids=lambda value: str(value)[:40])
async def test_bad_input_gets_a_sentence_and_costs_nothing(
    world: World, options: dict[str, Any], words: list[str]
) -> None:
    result = await world.imagine(**options)

    sentence = world.refusal(result).replace("\\", "")
    assert all(word in sentence for word in words), sentence
    assert world.posts() == []
    assert world.worker.requests == []
    assert await world.used_today(world.ann) == 0


async def test_a_member_past_the_days_quota_is_told_what_is_left_and_when_it_starts_again(world: World) -> None:
    await world.moderator.slash(world.channel, "admin limits set", pictures_per_day=5)
    await world.drawn(count=4)

    sentence = world.refusal(await world.imagine(count=4))

    assert "1 left of 5 pictures" in sentence
    assert "<t:" in sentence
    assert await world.used_today(world.ann) == 4


async def test_pictures_under_way_count_against_how_many_may_be_at_once(world: World) -> None:
    await world.moderator.slash(world.channel, "admin limits set", pictures_at_once=4)
    world.worker.hold()
    await world.imagine(count=3)

    sentence = world.refusal(await world.imagine(count=2))

    assert "3 pictures under way" in sentence
    world.worker.release()


async def test_a_denied_model_is_refused_with_the_reason_and_what_is_left(world: World) -> None:
    await world.moderator.slash(world.channel, "admin models deny", model="pocket")

    sentence = world.refusal(await world.imagine(model="pocket"))

    assert "moderators have turned off the model pocket" in sentence
    assert "other" in sentence


async def test_without_a_model_the_servers_default_draws(world: World) -> None:
    await world.moderator.slash(world.channel, "admin models default", model="other")

    message = await world.drawn()

    assert "other" in message.content


async def test_when_every_model_is_denied_the_refusal_says_so(world: World) -> None:
    for name in ("pocket", "other"):
        await world.moderator.slash(world.channel, "admin models deny", model=name)

    assert world.refusal(await world.imagine()) == refusal_texts.NO_MODEL_ALLOWED


async def test_autocomplete_offers_only_models_that_the_server_allows(world: World) -> None:
    await world.moderator.slash(world.channel, "admin models deny", model="pocket")

    choices = await world.ann.autocomplete(world.channel, "imagine", "model", "", prompt="x")

    assert [choice["value"] for choice in choices] == ["other"]


async def test_autocomplete_offers_the_sizes_and_schedulers_of_the_chosen_model(world: World) -> None:
    sizes = await world.ann.autocomplete(world.channel, "imagine", "size", "port", prompt="x")
    schedulers = await world.ann.autocomplete(world.channel, "imagine", "scheduler", "", prompt="x", model="other")

    assert [choice["value"] for choice in sizes] == ["128x192"]
    assert [(choice["name"], choice["value"]) for choice in schedulers] == [("Heun · what Heun is good for", "Heun")]


async def test_a_value_that_is_known_to_hurt_gets_a_hint_under_the_pictures(world: World) -> None:
    message = await world.drawn(guidance=15.0)

    assert message.content.splitlines()[-1].startswith("-# Hint: guidance over 7.25")
    assert "Hint" not in (await world.drawn(guidance=6.0)).content


HOSTILE = [
    ("@everyone look", "@everyone"),
    ("<@&123456789012345678>", "<@&"),
    ("<@123456789012345678>", "<@1"),
    ("come to discord.gg/abc", "discord.gg"),
    ("see https://discord.com/invite/abc", "https://"),
    ("safe \u202egnp.exe", "\u202e"),
    ("**bold** `code` ||spoiler||", "**bold**"),
    ("[click](https://example.com)", "[click]("),
    ("<t:0:R>", "<t:"),
    ("one\n# two", "\n# two"),
]


@pytest.mark.parametrize(("prompt", "live"), HOSTILE, ids=[live for _, live in HOSTILE])
async def test_a_prompt_has_no_effect_in_the_message_that_shows_it(world: World, prompt: str, live: str) -> None:
    message = await world.drawn(prompt)

    assert live not in message.content
    assert message.message.mentions == []
    assert message.message.role_mentions == []
    assert not message.message.mention_everyone


async def test_the_longest_prompt_still_fits_the_message(world: World) -> None:
    message = await world.drawn("*" * 900, negative_prompt="_" * 900, count=4)

    assert len(message.content) <= phrases.MESSAGE_LENGTH
    assert world.generation_id(message) in message.content
