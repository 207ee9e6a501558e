"""The first answer to whatever a member does leaves in time, whatever the database does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.texts import buttons as button_texts
from bot.texts import generation as generation_texts
from bot.texts import inputs as input_texts
from bot.texts import trouble as trouble_texts
from bot.texts import words as word_texts
from tests.discord.easel import Studio, locked
from tests.discord.interactions import Answer, Interaction
from tests.discord.state import Message

Act = Callable[[Studio, Message], Awaitable[Interaction]]


@asynccontextmanager
async def stuck(studio: Studio) -> AsyncIterator[None]:
    """Let nobody get at the ledger inside the block: a request of Ben waits for the database, and all others for it."""
    async with locked(studio):
        waiting = await studio.discord.command(studio.ben, "imagine", prompt="a stuck apple")
        assert waiting.answer is Answer.DEFERRED_MESSAGE
        yield


def press(label: str) -> Act:
    """Press a button as Ann."""

    async def act(studio: Studio, message: Message) -> Interaction:
        return await studio.discord.press(studio.ann, message, label)

    return act


def command(name: str, **options: Any) -> Act:
    """Use a command as a moderator."""

    async def act(studio: Studio, message: Message) -> Interaction:
        return await studio.discord.command(studio.moderator, name, **options)

    return act


async def read_recipe(studio: Studio, message: Message) -> Interaction:
    """Use a message's menu."""
    return await studio.discord.use_menu(studio.ann, "Read recipe", message)


async def build(studio: Studio, message: Message) -> Interaction:
    """Send off the form of the prompt builder."""
    was_late, studio.easel.is_late = studio.easel.is_late, False  # which the form itself is not
    asked = await studio.discord.command(studio.ann, "build")
    studio.easel.is_late = was_late
    assert asked.form is not None
    fields = [each["component"]["custom_id"] for each in asked.form["components"]]
    return await studio.discord.submit(asked, {fields[0]: "a built apple"})


DRAWS: dict[str, Act] = {
    "imagine": command("imagine", prompt="a red apple"),
    "reroll": press("Reroll"),
    "vary": press("Vary subtle"),
    "upscale": press("Upscale x2"),
    "zoom out": press("Zoom out"),
    "pan": press("Pan ←"),
    "build": build,
}

TELLS: dict[str, Act] = {
    "quota": command("quota"),
    "help": command("help", topic="models"),
    "read recipe": read_recipe,
    "models list": command("admin models list"),
    "words block": command("admin words block", words="frog"),
    "limits show": command("admin limits show"),
    "log": command("admin log"),
}


@pytest.mark.parametrize("how", DRAWS)
async def test_what_draws_is_answered_while_the_database_is_locked_and_drawn_in_that_answer(
    studio: Studio, how: str
) -> None:
    drawn = await studio.drawn("an apple")

    async with locked(studio):
        asked = await DRAWS[how](studio, drawn)
        assert asked.answer is Answer.DEFERRED_MESSAGE
    await asked.message.until(lambda it: bool(it.content))
    message = await studio.finished(asked)

    assert message.pictures
    assert studio.discord.state.posts() == [drawn, message]


@pytest.mark.parametrize("how", TELLS)
async def test_what_tells_one_member_is_answered_while_nobody_gets_at_the_ledger(studio: Studio, how: str) -> None:
    drawn = await studio.drawn("an apple")

    async with stuck(studio):
        asked = await TELLS[how](studio, drawn)
        assert asked.answer is Answer.DEFERRED_MESSAGE
        assert asked.message.reader is asked.member.user
    await asked.until(lambda it: bool(it.whispers))

    assert len(asked.whispers) == 1


async def test_show_is_answered_while_nobody_gets_at_the_ledger(studio: Studio) -> None:
    grid = await studio.drawn("an apple", count=2)

    async with stuck(studio):
        shown = await studio.discord.press(studio.ann, grid, "Show 2")
        assert shown.answer is Answer.DEFERRED_MESSAGE
    await shown.message.until(lambda it: bool(it.pictures))

    assert "Vary subtle" in shown.message.labels


async def test_a_refusal_takes_the_answer_away_that_came_first_and_tells_the_member_alone(studio: Studio) -> None:
    await studio.discord.command(studio.moderator, "admin words block", words="frog")

    async with locked(studio):
        asked = await studio.discord.command(studio.ann, "imagine", prompt="a frog")
        assert asked.answer is Answer.DEFERRED_MESSAGE
    await asked.until(lambda it: bool(it.whispers))

    assert asked.whispers == [word_texts.refused("frog")]
    assert asked.message.is_deleted
    assert studio.discord.state.posts() == []


ALONE = {"a refusal": "a frog", "an offer": "a {red, blue} apple"}


async def asked_late(studio: Studio, prompt: str) -> Interaction:
    """Ask as Ann for something that the member alone is answered, after all saw that the bot thinks."""
    await studio.discord.command(studio.moderator, "admin words block", words="frog")
    async with stuck(studio):
        asked = await studio.discord.command(studio.ann, "imagine", prompt=prompt)
        assert asked.message.reader is None
        handling = [task for task in asyncio.all_tasks() if task.get_name() == "CommandTree-invoker"]
    await asyncio.wait(handling)
    return asked


@pytest.mark.parametrize("trouble", ["fail", "drop"])
@pytest.mark.parametrize("prompt", ALONE.values(), ids=ALONE)
async def test_what_is_for_one_member_is_not_shown_to_all_where_the_first_answer_cannot_be_deleted(
    studio: Studio, prompt: str, trouble: str
) -> None:
    status = {"status": 503} if trouble == "fail" else {}
    getattr(studio.discord, trouble)("DELETE", "/webhooks/*", times=None, **status)

    asked = await asked_late(studio, prompt)

    (told,) = asked.followups
    assert told.reader is studio.ann.user
    assert asked.message.content == trouble_texts.TOLD_ALONE


@pytest.mark.parametrize("prompt", ALONE.values(), ids=ALONE)
async def test_what_is_for_one_member_is_not_said_where_the_first_answer_cannot_be_changed_at_all(
    studio: Studio, prompt: str
) -> None:
    for method in ("DELETE", "PATCH"):
        studio.discord.fail(method, "/webhooks/*/@original", 503, times=None)

    asked = await asked_late(studio, prompt)

    assert asked.followups == []
    assert [version.content for version in asked.message.history] == [""]


async def test_a_refusal_after_a_picture_was_looked_at_is_not_shown_to_all(studio: Studio) -> None:
    studio.discord.fail("DELETE", "/webhooks/*", 503, times=None)
    async with locked(studio):
        asked = await studio.discord.command(studio.ann, "imagine", prompt="an apple", image=b"no picture")
        assert asked.message.reader is None
    await asked.until(lambda it: bool(it.whispers))

    assert asked.whispers == [input_texts.INPUT_UNREADABLE]
    assert asked.message.content == trouble_texts.TOLD_ALONE


async def test_a_cancel_that_has_to_wait_is_answered_and_done(studio: Studio) -> None:
    studio.worker.hold()
    asked = await studio.discord.command(studio.ann, "imagine", prompt="an apple")
    await studio.worker.held()

    async with locked(studio):
        pressed = await studio.discord.press(studio.ann, asked.message, "Cancel")
        assert pressed.answer is Answer.DEFERRED_UPDATE
    await asked.message.until(lambda it: generation_texts.CANCELLED in it.content)

    assert asked.message.labels == []


async def test_a_refused_cancel_leaves_the_message_it_was_pressed_on(studio: Studio) -> None:
    studio.worker.hold()
    asked = await studio.discord.command(studio.ann, "imagine", prompt="an apple")
    await studio.worker.held()

    async with stuck(studio):
        pressed = await studio.discord.press(studio.ben, asked.message, "Cancel")
        assert pressed.answer is Answer.DEFERRED_UPDATE
    await pressed.until(lambda it: bool(it.whispers))

    assert pressed.whispers == [button_texts.NOT_ALLOWED["cancel"]]
    assert not asked.message.is_deleted
    studio.worker.release()


async def test_a_delete_that_has_to_wait_is_answered_and_done(studio: Studio) -> None:
    drawn = await studio.drawn("an apple")

    async with locked(studio):
        pressed = await studio.discord.press(studio.ann, drawn, "Delete")
        assert pressed.answer is Answer.DEFERRED_UPDATE
        assert not drawn.is_deleted
    await drawn.until(lambda it: it.is_deleted)


async def test_several_prompts_that_have_to_wait_are_answered_and_drawn(studio: Studio) -> None:
    offer = await studio.discord.command(studio.ann, "imagine", prompt="a {red, blue} apple")

    async with locked(studio):
        pressed = await studio.discord.press(studio.ann, offer.message, offer.message.labels[0])
        assert pressed.answer is Answer.DEFERRED_UPDATE
    await pressed.until(lambda it: len(it.followups) == 2)

    assert offer.message.labels == []
    assert all([(await studio.easel.over(each)).pictures for each in pressed.followups])


async def test_an_offer_that_comes_late_is_for_the_member_alone(studio: Studio) -> None:
    async with stuck(studio):
        asked = await studio.discord.command(studio.ann, "imagine", prompt="a {red, blue} apple")
        assert asked.answer is Answer.DEFERRED_MESSAGE
    await asked.until(lambda it: bool(it.followups))
    (offer,) = asked.followups

    assert offer.reader == studio.ann.user
    assert offer.labels[-1] == "Cancel"
    assert asked.message.is_deleted


async def test_a_form_that_cannot_be_opened_in_time_is_a_sentence(studio: Studio) -> None:
    drawn = await studio.drawn("an apple")

    async with stuck(studio):
        pressed = await studio.discord.press(studio.ann, drawn, input_texts.USE_AS_INPUT)
        assert pressed.whispers == [trouble_texts.NOT_IN_TIME]

    again = await studio.discord.press(studio.ann, drawn, input_texts.USE_AS_INPUT)
    assert again.answer is Answer.FORM


async def test_what_is_typed_while_nobody_gets_at_the_ledger_is_offered_nothing(studio: Studio) -> None:
    async with stuck(studio):
        assert await studio.discord.autocomplete(studio.ann, "imagine", "model", prompt="an apple") == []
    assert await studio.discord.autocomplete(studio.ann, "imagine", "model", prompt="an apple") == ["pocket"]


async def test_an_answer_in_time_is_not_put_off(studio: Studio) -> None:
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple")

    assert asked.answer is Answer.MESSAGE
    await studio.finished(asked)


async def test_a_first_answer_whose_receipt_is_lost_is_the_message_of_the_job(studio: Studio) -> None:
    studio.discord.lose_answer("POST", "/interactions/*")

    message = await studio.drawn("a red apple")

    assert message.pictures
    assert studio.discord.state.posts() == [message]


@pytest.mark.parametrize("trouble", ["drop", "lose_answer"])
async def test_a_sentence_that_meets_a_broken_connection_reaches_its_member_once(studio: Studio, trouble: str) -> None:
    getattr(studio.discord, trouble)("POST", "/interactions/*")

    asked = await studio.discord.command(studio.ann, "imagine", prompt="")

    await asked.until(lambda it: bool(it.whispers))
    assert len(asked.whispers) == 1


async def test_a_first_answer_that_discord_did_though_it_said_otherwise_is_the_message_of_the_job(
    studio: Studio,
) -> None:
    studio.discord.lose_answer("POST", "/interactions/*")
    studio.discord.fail("POST", "/interactions/*", 502, times=10)

    message = await studio.drawn("a red apple")

    assert studio.discord.state.posts() == [message]
