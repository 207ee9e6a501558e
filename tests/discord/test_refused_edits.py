"""What becomes of a message that Discord does not take: its error codes decide, and no message stays as it was."""

from __future__ import annotations

import pytest

from bot.domain.records import JobState
from bot.texts import buttons as button_texts
from bot.texts import generation as generation_texts
from tests.discord.easel import Studio
from tests.discord.errors import Refused, invalid_form
from tests.discord.interactions import Interaction
from tests.discord.state import Message
from tests.discord.test_faults import BY_CHANNEL, BY_TOKEN, held, state_of
from tests.discord.values import PRIVATE_THREAD, PUBLIC_THREAD

EDITS = (BY_TOKEN, BY_CHANNEL)
POSTS = "/channels/*/messages"


async def held_in_thread(studio: Studio, kind: int = PUBLIC_THREAD) -> Interaction:
    """Ask in a thread for a picture that is drawn when the worker is released."""
    thread = studio.discord.state.new_thread(studio.ann.guild.channels[0], "apples", kind)
    studio.worker.hold()
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple", channel=thread)
    await asked.message.until(lambda it: "Drawing… 0 %" in it.content)
    return asked


async def ended(studio: Studio, asked: Interaction) -> None:
    """Let the worker draw, and wait until nothing more will be done about the request."""
    studio.worker.release()
    await studio.easel.bot.delivery.wait(studio.easel.job_id(asked.message))


def waits(message: Message) -> bool:
    """Return whether a message seems to wait for its pictures."""
    return not message.is_deleted and "Cancel" in message.labels


async def test_pictures_that_are_refused_with_their_buttons_come_without_them(studio: Studio) -> None:
    asked = await held(studio)

    studio.discord.state.refuse(invalid_form("components"), lambda version: "Reroll" in version.labels)
    await ended(studio, asked)

    assert asked.message.pictures
    assert asked.message.labels == []
    assert generation_texts.NOT_AS_IT_WAS in asked.message.content
    assert await state_of(studio, asked.message) is JobState.DELIVERED


async def test_pictures_that_are_refused_in_the_plainest_form_too_are_words(studio: Studio) -> None:
    asked = await held(studio)

    studio.discord.state.refuse(invalid_form("attachments"), lambda version: version.shows_a_picture)
    await ended(studio, asked)

    assert generation_texts.PICTURES_NOT_TAKEN in asked.message.content
    assert asked.message.now.attachments == ()
    assert not waits(asked.message)


async def test_words_that_are_refused_are_others(studio: Studio) -> None:
    asked = await held(studio)

    blocked = Refused(400, 200000, "Message was blocked by automatic moderation")
    studio.discord.state.refuse(blocked, lambda version: "apple" in version.content)
    await ended(studio, asked)

    assert asked.message.content == generation_texts.WORDS_NOT_TAKEN


@pytest.mark.parametrize(("status", "code"), [(400, 50035), (403, 50005), (400, 30046), (404, 10008)])
async def test_a_message_that_can_never_be_edited_is_replaced_by_a_new_one(
    studio: Studio, status: int, code: int
) -> None:
    asked = await held(studio)

    for path in EDITS:
        studio.discord.fail("PATCH", path, status, code, times=None)
    await ended(studio, asked)

    (post,) = studio.discord.state.posts()
    assert asked.message.is_deleted
    assert post.pictures
    assert await state_of(studio, post) is JobState.DELIVERED


async def test_a_cancelled_request_whose_words_are_refused_does_not_seem_to_wait(studio: Studio) -> None:
    asked = await held(studio)

    studio.discord.state.refuse(invalid_form("content"), lambda version: "apple" in version.content)
    await studio.discord.press(studio.ann, asked.message, "Cancel")
    await ended(studio, asked)

    assert asked.message.content == generation_texts.WORDS_NOT_TAKEN
    assert not waits(asked.message)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_message_that_is_refused_for_good_goes_though_not_at_once(studio: Studio, times: int) -> None:
    asked = await held(studio)

    for path in EDITS:
        studio.discord.fail("PATCH", path, 400, 50035, times=None)
    studio.discord.fail("POST", POSTS, 400, 50035, times=None)
    studio.discord.fail("DELETE", BY_CHANNEL, 503, times=times)
    await ended(studio, asked)

    assert studio.discord.state.posts() == []
    assert await state_of(studio, asked.message) is JobState.FAILED


async def test_a_cancel_under_a_message_that_discord_let_nobody_change_makes_it_say_how_it_ended(
    studio: Studio,
) -> None:
    asked = await held(studio)
    studio.discord.interactions.expire_all()
    asked.channel.is_closed = True
    await ended(studio, asked)
    assert waits(asked.message)

    pressed = await studio.discord.press(studio.ann, asked.message, "Cancel")

    assert pressed.whispers == []
    assert generation_texts.NOT_POSTED in asked.message.content
    assert not waits(asked.message)


async def test_a_cancel_under_a_message_that_another_took_the_place_of_says_where(studio: Studio) -> None:
    asked = await held(studio)
    for path in EDITS:
        studio.discord.fail("PATCH", path, 400, 50035, times=None)
    studio.discord.fail("DELETE", BY_CHANNEL, 403, 50013, times=None)
    await ended(studio, asked)
    assert waits(asked.message)

    await studio.discord.press(studio.ann, asked.message, "Cancel")

    other = studio.discord.state.posts()[-1]
    assert str(other.id) in asked.message.content
    assert not waits(asked.message)


async def test_a_late_cancel_leaves_the_pictures_where_they_are(studio: Studio) -> None:
    asked = await held(studio)
    before = asked.message.now
    await ended(studio, asked)
    delivered = asked.message.now

    asked.message.history.append(before)  # as a phone shows it that was asleep
    pressed = await studio.discord.press(studio.ann, asked.message, "Cancel")
    asked.message.history.pop()

    assert pressed.whispers == [button_texts.NOT_CANCELLABLE]
    assert asked.message.now == delivered


async def test_a_job_that_nobody_follows_any_more_is_cancelled_by_its_button(studio: Studio) -> None:
    asked = await held(studio)
    studio.discord.interactions.expire_all()
    studio.discord.fail("PATCH", BY_CHANNEL, 503, times=5 * 7)
    await ended(studio, asked)
    assert waits(asked.message)
    studio.discord.lift_all()

    await studio.discord.press(studio.ann, asked.message, "Cancel")

    await asked.message.until(lambda it: bool(it.pictures))


async def test_pictures_for_an_archived_thread_come_in_a_message_that_unarchives_it(studio: Studio) -> None:
    asked = await held_in_thread(studio)

    asked.channel.is_archived = True
    await ended(studio, asked)

    assert not asked.channel.is_archived
    (post,) = studio.discord.state.posts()
    assert (post.channel, bool(post.pictures)) == (asked.channel, True)
    assert asked.message.is_deleted
    assert await state_of(studio, post) is JobState.DELIVERED


@pytest.mark.parametrize("obstacle", ["is_locked", "is_closed"])
async def test_pictures_for_a_thread_that_takes_no_messages_come_in_its_channel(studio: Studio, obstacle: str) -> None:
    asked = await held_in_thread(studio)

    asked.channel.is_archived = True
    setattr(asked.channel, obstacle, True)
    await ended(studio, asked)

    (post,) = studio.discord.state.posts(studio.ann.guild.channels[0])
    assert post.pictures
    assert f"<#{asked.channel.id}>" in post.content
    assert f"<@{studio.ann.id}>" in post.content
    assert await state_of(studio, post) is JobState.DELIVERED


async def test_what_was_asked_for_in_a_private_thread_never_comes_in_its_channel(studio: Studio) -> None:
    asked = await held_in_thread(studio, PRIVATE_THREAD)
    job_id = studio.easel.job_id(asked.message)

    asked.channel.is_archived = asked.channel.is_locked = True
    await ended(studio, asked)

    assert studio.discord.state.posts(studio.ann.guild.channels[0]) == []
    generation = await studio.easel.app.store.jobs.get(job_id)
    assert generation is not None
    assert generation.state is JobState.FAILED


async def test_what_was_posted_in_the_channel_of_a_thread_is_deleted_from_there(studio: Studio) -> None:
    asked = await held_in_thread(studio)
    asked.channel.is_archived = asked.channel.is_locked = True
    await ended(studio, asked)
    (post,) = studio.discord.state.posts(studio.ann.guild.channels[0])
    copy = await studio.discord.press(studio.ann, post, "Vary subtle")
    await studio.finished(copy)

    await studio.easel.app.usecases.deliver.delete(studio.easel.member(studio.ann), studio.easel.job_id(post))
    await studio.easel.restart()

    await post.until(lambda it: it.is_deleted)


async def test_what_cannot_be_told_in_a_thread_is_told_in_its_channel(studio: Studio) -> None:
    asked = await held_in_thread(studio)

    asked.channel.is_archived = asked.channel.is_locked = True
    await studio.easel.app.usecases.running_jobs.cancel(
        studio.easel.member(studio.ann), studio.easel.job_id(asked.message)
    )
    await ended(studio, asked)

    (post,) = studio.discord.state.posts(studio.ann.guild.channels[0])
    assert generation_texts.CANCELLED in post.content


async def test_a_channel_that_is_closed_to_the_bot_is_written_by_the_token_once_it_is_heard(studio: Studio) -> None:
    asked = await held(studio)

    asked.channel.is_closed = True
    studio.discord.fail("PATCH", BY_TOKEN, 503, times=5)
    await ended(studio, asked)

    assert asked.message.pictures
    assert studio.discord.state.posts() == [asked.message]


@pytest.mark.parametrize("is_global", [False, True])
async def test_a_limit_is_waited_for_as_long_as_it_says_for_all_or_for_one_route(
    studio: Studio, is_global: bool
) -> None:
    asked = await held(studio)
    studio.discord.interactions.expire_all()

    studio.discord.fail("PATCH", BY_CHANNEL, 429, retry_after_s=3.5, is_global=is_global)
    await ended(studio, asked)

    assert asked.message.pictures
    assert 3.5 in studio.discord.pauses
