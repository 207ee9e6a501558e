from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.records import JobState
from bot.texts import phrases
from bot.texts import refusals as refusal_texts
from bot.texts import series as series_texts

if TYPE_CHECKING:
    from simcord.results import InteractionResult, ResponseMessage

    from tests.bot.conftest import World

APPLES = "{red, blue} apple"


async def offered(world: World, prompt: str = APPLES, **options: Any) -> ResponseMessage:
    """Use /imagine as Ann, and return the offer that only she sees."""
    result = await world.imagine(prompt, **options)
    assert result.ephemeral
    assert result.response is not None
    return result.response


async def all_over(world: World, result: InteractionResult) -> list[ResponseMessage]:
    """Return the messages that a press of Draw has brought, once nothing more will happen to them."""
    for message in result.followups:
        await world.over(world.generation_id(message))
    return list(result.followups)


async def test_braces_are_offered_with_their_prompts_and_what_they_cost(world: World) -> None:
    await world.drawn(count=2)

    offer = await offered(world, count=3)

    assert "2 prompts: 2 messages, 6 pictures in all" in offer.content
    assert "1. red apple\n2. blue apple" in offer.content
    assert "6 of the 38" in offer.content
    assert world.labels(offer) == ["Draw 2", "Cancel"]
    assert len(world.posts()) == 1
    assert await world.used_today(world.ann) == 2


async def test_draw_makes_one_message_for_each_prompt_that_says_who_asked(world: World) -> None:
    offer = await offered(world)

    result = await world.press(world.ann, offer, "Draw 2")

    messages = await all_over(world, result)
    assert [message.content.splitlines()[0] for message in messages] == [
        f"<@{world.ann.id}> · red apple",
        f"<@{world.ann.id}> · blue apple",
    ]
    assert not any(message.ephemeral for message in messages)
    assert all(message.attachments and "Reroll" in world.labels(message) for message in messages)
    assert {(await world.generation(message)).state for message in messages} == {JobState.DELIVERED}
    assert offer.content == series_texts.accepted(2)
    assert world.labels(offer) == []
    assert await world.used_today(world.ann) == 2


async def test_a_double_click_on_draw_is_one_series(world: World) -> None:
    offer = await offered(world)
    custom_id = f"easel:draw:{world.generation_id(offer)}"

    first, second = await asyncio.gather(
        *(world.ann.click(offer, custom_id=custom_id) for _ in range(2)), return_exceptions=True
    )

    results = [result for result in (first, second) if not isinstance(result, BaseException)]
    for result in results:
        await all_over(world, result)
    assert sorted(request.recipe.prompt for request in world.worker.requests) == ["blue apple", "red apple"]
    assert await world.used_today(world.ann) == 2


async def test_cancel_takes_the_offer_back(world: World) -> None:
    offer = await offered(world)

    await world.press(world.ann, offer, "Cancel")

    assert offer.content == series_texts.WITHDRAWN
    assert world.labels(offer) == []
    assert world.worker.requests == []


@pytest.mark.parametrize("action", ["draw", "withdraw"])
async def test_an_offer_that_is_not_remembered_says_to_type_it_again(world: World, action: str) -> None:
    offer = await offered(world)
    custom_id = f"easel:{action}:frombefore"
    world.env.backend.get_message(world.channel.id, offer.id).components[0]["components"][0]["custom_id"] = custom_id

    assert world.refusal(await world.ann.click(offer, custom_id=custom_id)) == series_texts.OFFER_OVER
    assert world.worker.requests == []


async def test_more_than_fits_is_refused_as_a_whole_before_anything_is_queued(world: World) -> None:
    sentence = world.refusal(await world.imagine("{a, b, c} apple", count=4))

    assert "this needs 12" in sentence
    assert world.worker.requests == []
    assert await world.used_today(world.ann) == 0


async def test_an_offer_without_room_any_more_is_refused_and_can_be_drawn_later(world: World) -> None:
    await world.moderator.slash(world.channel, "admin limits set", pictures_at_once=2)
    offer = await offered(world)
    world.worker.hold()
    busy = await world.imagine("a boat")

    assert "1 picture under way" in world.refusal(await world.press(world.ann, offer, "Draw 2"))

    world.worker.release()
    await world.settled(busy)
    assert len(await all_over(world, await world.press(world.ann, offer, "Draw 2"))) == 2


async def test_a_series_that_a_restart_cuts_off_is_drawn_and_delivered_in_its_messages(world: World) -> None:
    world.worker.hold()
    result = await world.press(world.ann, await offered(world), "Draw 2")
    ids = [world.generation_id(message) for message in result.followups]

    await world.restart()
    world.worker.release()
    for each in ids:
        await world.over(each)

    assert [message.attachments != [] for message in result.followups] == [True, True]
    assert len(world.posts()) == 2


async def test_a_message_of_a_series_is_written_through_its_channel_when_the_token_has_ended(world: World) -> None:
    world.worker.hold()
    result = await world.press(world.ann, await offered(world), "Draw 2")
    await world.env.advance_time(15 * 60)

    world.worker.release()

    assert all(message.attachments for message in await all_over(world, result))
    assert len(world.posts()) == 2


async def test_a_message_that_the_press_cannot_bring_comes_through_the_channel(world: World) -> None:
    offer = await offered(world)
    world.env.inject_error("POST", "/webhooks/*", status=404, code=10015)

    result = await world.press(world.ann, offer, "Draw 2")
    await all_over(world, result)
    await world.until(lambda: len([post for post in world.posts() if post.attachments]) == 2)

    assert len(result.followups) == 1
    assert {post.content.splitlines()[0].split(" · ")[1] for post in world.posts()} == {"red apple", "blue apple"}


async def test_braces_that_stand_for_too_much_are_refused_with_what_to_do(world: World) -> None:
    prompt = "{a, b, c, d, e}" * 2

    assert world.refusal(await world.imagine(prompt)) == refusal_texts.too_many_permutations(20)


async def test_words_of_an_offer_have_no_effect_in_it(world: World) -> None:
    offer = await offered(world, "{@everyone, **bold**} apple")

    assert "@everyone" not in offer.content
    assert "**bold**" not in offer.content


async def test_the_longest_offer_fits_a_message(world: World) -> None:
    await world.moderator.slash(world.channel, "admin limits set", pictures_at_once=20)

    offer = await offered(world, "{" + ", ".join("abcdefghijklmnopqrst") + "}" + "*" * 900)

    assert len(offer.content) <= phrases.MESSAGE_LENGTH
    assert "20 of the 40" in offer.content


async def test_a_hint_comes_with_the_offer_and_not_with_every_message(world: World) -> None:
    offer = await offered(world, guidance=15.0)
    said = offer.content

    messages = await all_over(world, await world.press(world.ann, offer, "Draw 2"))

    assert "Hint: guidance" in said
    assert not any("Hint" in message.content for message in messages)
