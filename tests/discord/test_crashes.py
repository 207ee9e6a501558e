"""A bot that dies between an interaction and its answer leaves no message behind that stays as it is."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing

import pytest

from bot.storage.schema import DATABASE_NAME
from bot.texts import inputs as input_texts
from tests.discord.easel import Studio
from tests.discord.test_requests import a_picture

CALLBACK = "/interactions/*"


def kept_tokens(studio: Studio) -> list[str]:
    """Return the tokens that are in the ledger."""
    with closing(sqlite3.connect(studio.easel.data_dir / DATABASE_NAME)) as connection:
        return [token for (token,) in connection.execute("SELECT token FROM interactions")]


async def test_the_answer_that_a_bot_gave_just_before_it_died_is_the_message_of_the_job(studio: Studio) -> None:
    given = studio.discord.hold_answer("POST", CALLBACK)
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple")
    await given.until_met()

    await studio.easel.restart()
    message = await studio.finished(asked)

    assert message.pictures
    assert studio.discord.state.posts() == [message]


async def test_an_answer_whose_token_is_over_is_found_in_its_channel(studio: Studio) -> None:
    given = studio.discord.hold_answer("POST", CALLBACK)
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple")
    await given.until_met()

    studio.discord.interactions.expire_all()
    await studio.easel.restart()
    message = await studio.finished(asked)

    assert message.pictures
    assert studio.discord.state.posts() == [message]


async def test_an_answer_that_never_left_is_made_up_for_by_a_message(studio: Studio) -> None:
    held = studio.discord.hold_request("POST", CALLBACK)
    await studio.discord.command(studio.ann, "imagine", prompt="a red apple", is_patient=False)
    await held.until_met()

    await studio.easel.restart()
    await studio.discord.state.changes.until(lambda: bool(studio.discord.state.posts()))
    (message,) = studio.discord.state.posts()

    assert (await studio.easel.over(message)).pictures


async def test_messages_of_a_series_that_a_bot_sent_just_before_it_died_are_found(studio: Studio) -> None:
    offer = await studio.discord.command(studio.ann, "imagine", prompt="a {red, blue} apple")
    sent = studio.discord.hold_answer("POST", "/webhooks/*")
    pressed = await studio.discord.press(studio.ann, offer.message, offer.message.labels[0])
    await sent.until_met()
    await pressed.until(lambda it: len(it.followups) == 1)

    await studio.easel.restart()
    await studio.discord.state.changes.until(lambda: len(studio.discord.state.posts()) == 2)
    messages = [await studio.easel.over(each) for each in studio.discord.state.posts()]

    assert pressed.followups[0] in messages
    assert all(each.pictures for each in messages)
    assert len(studio.discord.state.posts()) == 2


async def test_a_message_that_a_bot_sent_through_the_channel_just_before_it_died_is_found(studio: Studio) -> None:
    studio.discord.fail("POST", CALLBACK, 404, 10062)
    sent = studio.discord.hold_answer("POST", "/channels/*/messages")
    await studio.discord.command(studio.ann, "imagine", prompt="a red apple", is_patient=False)
    await sent.until_met()
    (message,) = studio.discord.state.posts()

    await studio.easel.restart()

    assert (await studio.easel.over(message)).pictures
    assert studio.discord.state.posts() == [message]


async def test_a_message_whose_receipt_is_lost_is_not_sent_twice(studio: Studio) -> None:
    studio.discord.fail("POST", CALLBACK, 404, 10062)
    studio.discord.lose_answer("POST", "/channels/*/messages")
    await studio.discord.command(studio.ann, "imagine", prompt="a red apple", is_patient=False)
    await studio.discord.state.changes.until(lambda: bool(studio.discord.state.posts()))
    (message,) = studio.discord.state.posts()

    assert (await studio.easel.over(message)).pictures
    assert studio.discord.state.posts() == [message]


async def test_a_picture_that_was_being_fetched_when_the_bot_died_is_asked_for_again(studio: Studio) -> None:
    fetched = studio.discord.hold_request("GET", "/attachments/*")
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple", image=a_picture())
    await fetched.until_met()
    assert asked.message.content == input_texts.LOOKING

    await studio.easel.restart()
    await asked.until(lambda it: bool(it.whispers))

    assert asked.whispers == [input_texts.ASK_AGAIN]
    assert asked.message.is_deleted
    assert studio.discord.state.posts() == []
    await studio.easel.restart()
    assert len(asked.whispers) == 1


async def test_a_restarted_bot_writes_where_only_the_token_lets_it(studio: Studio) -> None:
    studio.worker.hold()
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple")
    await studio.worker.held()
    asked.channel.is_closed = True

    await studio.easel.restart()
    studio.worker.release()

    assert (await studio.finished(asked)).pictures


async def test_a_token_is_kept_while_its_job_needs_it_and_told_to_nobody(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bot")
    studio.worker.hold()
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple")
    await studio.worker.held()
    assert kept_tokens(studio) == [asked.token]

    studio.discord.fail("PATCH", "/webhooks/*", 400, 50035)
    studio.discord.drop("PATCH", "/webhooks/*")
    studio.worker.release()
    await studio.finished(asked)

    assert kept_tokens(studio) == []
    assert asked.token not in caplog.text


async def test_a_picture_that_was_fetched_leaves_no_token_behind(studio: Studio) -> None:
    await studio.drawn("a red apple", image=a_picture())
    refused = await studio.discord.command(studio.ann, "imagine", prompt="a red apple", image=b"no picture")
    await refused.until(lambda it: bool(it.whispers))

    await studio.discord.command(studio.ann, "quota")
    assert kept_tokens(studio) == []
