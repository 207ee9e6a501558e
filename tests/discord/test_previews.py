"""Whatever ends a message otherwise than by its pictures takes the previews off it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import pytest

from bot.domain.records import JobState
from bot.storage.schema import DATABASE_NAME
from engine.api import Fault, GenerationFailed
from engine.executors.fake import FakePlan
from tests.discord.easel import Studio
from tests.discord.state import Message
from tests.discord.values import Version

STEP_AFTER_A_PREVIEW = 6

Happening = Callable[[Studio, Message], Awaitable[None]]


async def previewed(studio: Studio) -> Message:
    """Ask for a picture, and return its message when it shows a preview and the worker holds still."""
    studio.worker.hold(at_step=STEP_AFTER_A_PREVIEW)
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple", steps=20)
    return await asked.message.until(lambda it: bool(it.pictures))


async def nothing(studio: Studio, message: Message) -> None:
    """Let the worker end it."""


async def logged(studio: Studio, message: Message) -> None:
    """Let the worker end it with an error in the log."""
    studio.faults_are_expected = True


async def denied(studio: Studio, message: Message) -> None:
    """Have a moderator turn the model off."""
    await studio.discord.command(studio.moderator, "admin models deny", model="pocket")


async def cancelled(studio: Studio, message: Message) -> None:
    """Have its author cancel it."""
    await studio.discord.press(studio.ann, message, "Cancel")


async def deleted(studio: Studio, message: Message) -> None:
    """Delete the request, as its author may from the record on, if not yet with a button."""
    await studio.easel.app.usecases.deliver.delete(studio.easel.member(studio.ann), studio.easel.job_id(message))


async def unrecordable(studio: Studio, state: JobState) -> None:
    """Let the ledger fail whenever a job gets into a state."""
    studio.faults_are_expected = True

    def forbid() -> None:
        with closing(sqlite3.connect(studio.easel.data_dir / DATABASE_NAME)) as connection, connection:
            connection.execute(
                f"CREATE TRIGGER unrecordable BEFORE UPDATE ON jobs WHEN NEW.state = '{state}'"
                " BEGIN SELECT RAISE(ABORT, 'no'); END"
            )

    # In a thread: the bot may be within a transaction, which ends in this loop.
    await asyncio.to_thread(forbid)


async def not_kept(studio: Studio, message: Message) -> None:
    """Let there be no place for the pictures."""
    await unrecordable(studio, JobState.FINISHED)


async def not_tried_again(studio: Studio, message: Message) -> None:
    """Let the bot fail at what it does not foresee."""
    await unrecordable(studio, JobState.ACCEPTED)


# How a request ends: what the worker does, and what happens while it draws.
ENDS: dict[str, tuple[FakePlan, Happening]] = {
    "blocked": (FakePlan(block=frozenset({0})), nothing),
    "not judged": (FakePlan(faults={0: Fault.DETECTOR_BROKE}), logged),
    "a detector hung": (FakePlan(hang_at_picture=0), logged),
    "failed": (FakePlan(fail=GenerationFailed("out of memory")), nothing),
    "its worker died": (FakePlan(die_at_step=STEP_AFTER_A_PREVIEW + 4), nothing),
    "withheld": (FakePlan(), denied),
    "cancelled": (FakePlan(), cancelled),
    "deleted": (FakePlan(), deleted),
    "not kept": (FakePlan(), not_kept),
    "a fault of the bot": (FakePlan(die_at_step=STEP_AFTER_A_PREVIEW + 4), not_tried_again),
}


async def by_token(studio: Studio, message: Message) -> None:
    """The last words are written with the token of the interaction."""


async def by_channel(studio: Studio, message: Message) -> None:
    """The token's time is over by then, so they are written through the channel."""
    studio.discord.interactions.expire_all()


async def by_the_next_start(studio: Studio, message: Message) -> None:
    """The bot is started anew in between."""
    await studio.easel.restart()


async def through_trouble(studio: Studio, message: Message) -> None:
    """Discord loses the answer to an edit, and refuses two."""
    studio.discord.lose_answer("PATCH", "/webhooks/*")
    studio.discord.fail("PATCH", "/channels/*", 503, times=2)


WAYS: list[Happening] = [by_token, by_channel, by_the_next_start, through_trouble]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("end", ENDS)
async def test_a_message_without_its_pictures_keeps_no_preview(studio: Studio, end: str, way: Happening) -> None:
    plan, happens = ENDS[end]
    studio.worker.plan = lambda request: plan
    message = await previewed(studio)
    previews = message.ever_shown

    await way(studio, message)
    await happens(studio, message)
    studio.worker.release()
    await studio.easel.over(message)

    assert previews
    assert message.is_deleted == (end == "deleted")
    assert message.pictures == ()
    assert [post for post in studio.discord.state.posts() if post.now.shows_a_picture] == []


async def test_what_takes_the_place_of_a_deleted_message_shows_no_preview(studio: Studio) -> None:
    studio.worker.plan = lambda request: FakePlan(block=frozenset({0}))
    message = await previewed(studio)

    message.delete()
    studio.worker.release()
    await studio.easel.over(message)

    (other,) = studio.discord.state.posts()
    assert other.ever_shown == ()


async def test_pictures_take_the_place_of_the_preview(studio: Studio) -> None:
    message = await previewed(studio)
    previews = message.ever_shown

    studio.worker.release()
    await studio.easel.over(message)

    assert len(message.pictures) == 1
    assert message.pictures[0] not in previews
    assert all(len(version.attachments) <= 1 for version in message.history)


async def test_no_message_of_a_series_keeps_a_preview(studio: Studio) -> None:
    studio.worker.plan = lambda request: FakePlan(block=frozenset({0}))
    studio.worker.hold(at_step=STEP_AFTER_A_PREVIEW)
    offer = await studio.discord.command(studio.ann, "imagine", prompt="a {red, blue} apple", steps=20)
    pressed = await studio.discord.press(studio.ann, offer.message, offer.message.labels[0])
    await pressed.until(lambda it: len(it.followups) == 2)

    await pressed.followups[0].until(lambda it: bool(it.pictures))
    studio.worker.release()

    for message in pressed.followups:
        await studio.easel.over(message)
        assert message.pictures == ()


async def test_pictures_that_are_too_large_for_the_server_leave_no_preview_either(studio: Studio) -> None:
    message = await previewed(studio)

    studio.ann.guild.file_limit = 100
    studio.worker.release()
    await studio.easel.over(message)

    assert "Reroll" in message.labels
    assert not message.now.shows_a_picture


@pytest.mark.parametrize(("status", "code"), [(400, 50035), (403, 50013)])
async def test_a_message_that_discord_never_lets_us_rewrite_goes_with_its_preview(
    studio: Studio, status: int, code: int
) -> None:
    message = await previewed(studio)

    for path in ("/webhooks/*", "/channels/*"):
        studio.discord.fail("PATCH", path, status, code, times=10)
    studio.worker.release()
    await studio.easel.bot.delivery.wait(studio.easel.job_id(message))

    assert message.is_deleted


async def test_a_message_that_discord_does_not_delete_at_first_shows_no_preview_either(studio: Studio) -> None:
    message = await previewed(studio)

    studio.discord.fail("DELETE", "/channels/*", 503)
    await deleted(studio, message)
    studio.worker.release()
    await studio.easel.bot.delivery.wait(studio.easel.job_id(message))

    assert message.pictures == ()


@pytest.mark.parametrize(
    ("command", "options"),
    [("admin previews off", {}), ("admin models deny", {"model": "pocket"}), ("admin words block", {"words": "apple"})],
)
async def test_what_moderators_decide_while_a_picture_is_drawn_keeps_its_previews_away(
    studio: Studio, command: str, options: dict[str, Any]
) -> None:
    studio.worker.hold(at_step=1)
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple", steps=20)
    job_id = await studio.worker.held()
    await studio.discord.command(studio.moderator, command, **options)
    studio.worker.hold(at_step=STEP_AFTER_A_PREVIEW)
    studio.worker.release(job_id)
    await studio.worker.held()
    studio.worker.release()
    await studio.easel.over(asked.message)

    assert len(asked.message.ever_shown) == (1 if "previews" in command else 0)


def test_a_version_shows_a_picture_if_it_is_attached_or_linked_to() -> None:
    picture = {"url": "https://example.com/a.png"}

    assert not Version("words").shows_a_picture
    assert Version(embeds=({"image": picture},)).shows_a_picture
    assert Version(components=({"type": 12, "items": [{"media": picture}]},)).shows_a_picture


async def test_a_message_that_the_token_knows_nothing_of_loses_its_preview_at_a_restart_and_gets_its_pictures(
    studio: Studio,
) -> None:
    studio.discord.drop("POST", "/interactions/*", times=2)
    studio.worker.hold(at_step=STEP_AFTER_A_PREVIEW)
    await studio.discord.command(studio.ann, "imagine", prompt="a red apple", steps=20, is_patient=False)
    await studio.discord.state.changes.until(lambda: any(post.pictures for post in studio.discord.state.posts()))
    (message,) = studio.discord.state.posts()

    studio.worker.hold()
    await studio.easel.restart()
    await message.until(lambda it: not it.pictures and not it.is_deleted)
    studio.worker.release()
    await studio.easel.over(message)

    assert message.pictures
    assert studio.discord.state.posts() == [message]
