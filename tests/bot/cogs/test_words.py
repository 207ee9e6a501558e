"""/admin words, and what a member reads who asks for a blocked word, whichever way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.domain.blocked_words import BlockedPhrase
from bot.domain.policy import LONGEST_PHRASE, MOST_PHRASES
from bot.texts import words as word_texts
from bot.texts.phrases import MESSAGE_LENGTH
from tests.bot.cogs.test_admin import let_through, moderate

if TYPE_CHECKING:
    from simcord.results import InteractionResult, ResponseMessage

    from tests.bot.conftest import World

REFUSED = "This server does not draw “Jane Doe”. Please use other words."


async def block(world: World, words: str = "Jane Doe") -> str:
    return await moderate(world, "words block", words=words)


async def refused(world: World, result: InteractionResult) -> str:
    """Return what only the member reads of a refusal, after which nothing is queued."""
    sentence = world.refusal(result)
    assert await world.store.jobs.unsettled() == ()
    return sentence


async def test_a_request_with_a_blocked_phrase_is_refused_and_told_which_it_is(world: World) -> None:
    assert "Jane Doe" in await block(world)

    assert await refused(world, await world.imagine("a boat, (JANE:1.3)-doe")) == REFUSED

    assert world.posts() == []
    assert await world.used_today(world.ann) == 0
    assert (await world.drawn("a boat by Jane")).attachments


async def test_the_negative_prompt_may_have_blocked_words(world: World) -> None:
    await block(world)

    assert "Without: jane doe" in (await world.drawn(negative_prompt="jane doe")).content


async def test_the_words_of_a_style_are_part_of_what_is_refused(world: World) -> None:
    await block(world, "ink drawing")

    assert "“ink drawing”" in await refused(world, await world.imagine(style="ink"))
    assert (await world.drawn(style="oil")).attachments


async def test_the_answers_to_the_builder_are_refused_alike(world: World) -> None:
    await block(world)
    form = await world.ann.slash(world.channel, "build")

    result = await world.ann.submit_modal(form, {"subject": "a boat", "style": "Jane Doe"})

    assert await refused(world, result) == REFUSED


async def test_of_a_series_with_a_blocked_phrase_nothing_is_offered(world: World) -> None:
    await block(world)

    assert await refused(world, await world.imagine("{jane doe, a boat}")) == REFUSED


async def test_of_a_series_that_was_offered_before_nothing_is_drawn(world: World) -> None:
    offer = (await world.imagine("{jane doe, a boat}")).response
    assert offer is not None
    await block(world)

    assert await refused(world, await world.press(world.ann, offer, "Draw 2")) == REFUSED
    assert world.posts() == []


@pytest.mark.parametrize("label", ["Reroll", "Vary subtle", "Upscale x2", "Zoom out", "Pan ←"])
async def test_the_buttons_of_an_old_picture_are_refused_and_show_is_too(world: World, label: str) -> None:
    single = await world.drawn("a boat by jane doe")
    grid = await world.drawn("a boat by jane doe", count=2)
    await block(world)

    assert await refused(world, await world.press(world.ann, single, label)) == REFUSED
    assert await refused(world, await world.press(world.ann, grid, "Show 1")) == REFUSED


async def test_a_picture_is_not_drawn_over_after_a_blocked_phrase(world: World) -> None:
    picture = await world.drawn("a boat")
    await block(world)
    form = await world.press(world.ann, picture, "Use as input")

    result = await world.ann.submit_modal(form, {"prompt": "jane_doe", "strength": "0.6"})

    assert await refused(world, result) == REFUSED


async def test_a_recipe_with_a_blocked_phrase_is_read_and_not_run(world: World) -> None:
    picture = await world.drawn("a boat by jane doe")
    await block(world)
    read = await world.ann.slash(world.channel, "recipe", picture=("picture.png", world.file(picture)))
    assert read.response is not None

    assert await refused(world, await world.press(world.ann, read.response, "Run it")) == REFUSED


async def test_what_is_in_the_queue_is_drawn_and_not_posted(world: World) -> None:
    world.worker.hold()
    result = await world.imagine("a boat by jane doe")

    said = await block(world)
    world.worker.release()
    message = await world.delivered(result)

    assert "in the queue with them are not posted" in said
    assert message.attachments == []
    assert word_texts.withheld("Jane Doe") in message.content


async def test_each_phrase_is_confirmed_with_what_it_stops_and_what_it_does_not(world: World) -> None:
    said = await block(world, "banana, “greg rutkowski”")

    assert "“banana” also stops “bananas”, and lets “bananaish” through" in said
    assert "“greg rutkowski” also stops “greg rutkowskis”" in said
    assert "lets “bananas” through" in await moderate(world, "words block", words="banana", match=word_texts.EXACT)
    assert "banana (exactly so)" in await moderate(world, "words list")


async def test_a_prompt_is_tested_for_blocked_words(world: World) -> None:
    await block(world)

    assert "“Jane Doe”" in await moderate(world, "words test", prompt="a boat, j.a.n.e doe")
    assert await moderate(world, "words test", prompt="a boat") == word_texts.tested(None)


async def test_allowed_words_are_drawn_again(world: World) -> None:
    await block(world)

    assert "“Jane Doe”" in await moderate(world, "words allow", words="jane-doe")

    assert (await world.drawn("a boat by jane doe")).attachments
    assert await moderate(world, "words list") == word_texts.NONE_BLOCKED


async def test_words_that_are_not_blocked_are_named_with_where_to_look(world: World) -> None:
    assert await moderate(world, "words allow", words="fog") == "“fog” is not blocked here. See /admin words list."


async def test_the_list_has_every_phrase_and_does_nothing_of_its_own(world: World) -> None:
    await block(world)
    await block(world, "@everyone *x*")
    await block(world, "cherry, banana")

    listing = await moderate(world, "words list")

    assert listing == "Not drawn here:\n@\u200beveryone \\*x\\* · Jane Doe · banana · cherry"


def test_a_list_without_room_for_all_counts_the_others() -> None:
    phrases = [BlockedPhrase(f"*{number:03}" + "x" * (LONGEST_PHRASE - 4)) for number in range(MOST_PHRASES)]

    listing = word_texts.listing(phrases)

    assert len(listing) <= MESSAGE_LENGTH
    shown = listing.count("x\\*") + listing.count("x ·") + listing.count("x\n")
    assert f"… and {MOST_PHRASES - shown} more" in listing


@pytest.mark.parametrize("words", ["?!", "x" * (LONGEST_PHRASE + 1)])
async def test_a_phrase_that_cannot_be_blocked_is_refused_with_what_can(world: World, words: str) -> None:
    sentence = await block(world, words)

    assert "does not work for words" in sentence
    assert await moderate(world, "words list") == word_texts.NONE_BLOCKED


async def test_autocomplete_offers_what_is_blocked_to_moderators_alone(world: World) -> None:
    for number in range(30):
        await block(world, f"fog {number}")
    await block(world)

    offered = await world.moderator.autocomplete(world.channel, "admin words allow", "words", "")
    typed = await world.moderator.autocomplete(world.channel, "admin words allow", "words", "jane")
    let_through(world)

    assert len(offered) == 25
    assert [choice["value"] for choice in typed] == ["Jane Doe"]
    assert await world.ann.autocomplete(world.channel, "admin words allow", "words", "") == []


async def test_help_says_that_words_are_blocked_where_some_are(world: World) -> None:
    async def help_on_models() -> str:
        result: InteractionResult = await world.ann.slash(world.channel, "help", topic="models")
        answer: ResponseMessage | None = result.response
        assert answer is not None
        return answer.content

    assert word_texts.SOME_BLOCKED not in await help_on_models()
    await block(world)
    text = await help_on_models()

    assert word_texts.SOME_BLOCKED in text
    assert "Jane Doe" not in text


async def test_blocking_and_allowing_are_logged(world: World) -> None:
    await block(world)
    await moderate(world, "words allow", words="Jane Doe")

    newest, oldest = (await moderate(world, "log")).splitlines()

    assert f"{world.moderator.mention} · block words: Jane Doe" in oldest
    assert f"{world.moderator.mention} · allow words: Jane Doe" in newest


async def test_one_servers_words_are_not_anothers(world: World) -> None:
    await block(world)
    elsewhere = world.env.create_guild("Elsewhere")
    channel = elsewhere.create_text_channel("art")

    result = await elsewhere.add_member(world.ann.user).slash(channel, "imagine", prompt="a boat by jane doe")

    assert not result.ephemeral


def test_a_confirmation_without_room_for_all_says_so() -> None:
    said = word_texts.blocked([BlockedPhrase("x" * LONGEST_PHRASE + str(number)) for number in range(MOST_PHRASES)])

    assert len(said) <= MESSAGE_LENGTH
    assert said.endswith("see /admin words list.")
