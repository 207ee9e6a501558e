from __future__ import annotations

from bot.domain.records import JobState
from bot.texts import generation as generation_texts
from tests.discord.easel import Studio
from tests.discord.interactions import Interaction
from tests.discord.state import Message

BY_TOKEN = "/webhooks/*/messages/*"
BY_CHANNEL = "/channels/*/messages/*"


async def held(studio: Studio) -> Interaction:
    """Ask for a picture that is drawn when the worker is released; its message shows no preview yet."""
    studio.worker.hold()
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple")
    await asked.message.until(lambda it: "Drawing… 0 %" in it.content)
    return asked


async def state_of(studio: Studio, message: Message) -> JobState:
    """Return what the ledger says of the job of a message."""
    generation = await studio.easel.app.store.jobs.get(studio.easel.job_id(message))
    assert generation is not None
    return generation.state


async def test_pictures_whose_message_is_unknown_come_in_a_new_one(studio: Studio) -> None:
    asked = await held(studio)

    asked.message.delete()
    studio.worker.release()
    await studio.finished(asked)

    (post,) = studio.discord.state.posts()
    assert post != asked.message
    assert post.pictures


async def test_pictures_that_are_too_large_are_words_without_them(studio: Studio) -> None:
    asked = await held(studio)

    studio.ann.guild.file_limit = 100
    studio.worker.release()
    message = await studio.finished(asked)

    assert generation_texts.PICTURE_TOO_LARGE in message.content
    assert message.ever_shown == ()
    assert {request.status for request in studio.discord.asked("PATCH", "/webhooks/")} == {200, 413}


async def test_pictures_for_a_channel_that_is_gone_are_given_up(studio: Studio) -> None:
    asked = await held(studio)

    studio.discord.state.remove_channel(asked.channel)
    studio.worker.release()
    await studio.finished(asked)

    assert await state_of(studio, asked.message) is JobState.FAILED
    assert studio.discord.state.posts() == []


async def test_a_job_that_outlives_its_token_is_delivered_through_its_channel(studio: Studio) -> None:
    asked = await held(studio)

    studio.discord.interactions.expire_all()
    studio.worker.release()
    message = await studio.finished(asked)

    assert message.pictures
    assert studio.discord.asked("PATCH", "/channels/")


async def test_an_answer_that_did_not_get_through_is_made_up_for_by_a_message(studio: Studio) -> None:
    studio.discord.drop("POST", "/interactions/*")

    await studio.discord.command(studio.ann, "imagine", prompt="a red apple", is_patient=False)
    await studio.discord.state.changes.until(lambda: bool(studio.discord.state.posts()))
    (message,) = studio.discord.state.posts()

    assert (await studio.easel.over(message)).pictures


async def test_an_answer_that_comes_too_late_is_made_up_for_by_a_message(studio: Studio) -> None:
    late = await studio.discord.command(studio.ann, "imagine", prompt="a red apple", is_patient=False)
    studio.discord.interactions.expire_all()
    await studio.discord.state.changes.until(lambda: bool(studio.discord.state.posts()))
    (message,) = studio.discord.state.posts()

    assert late.answer is None
    assert (await studio.easel.over(message)).pictures


async def test_an_edit_that_is_asked_to_wait_waits_as_long_as_it_is_told(studio: Studio) -> None:
    asked = await held(studio)

    studio.discord.fail("PATCH", BY_TOKEN, 429, retry_after_s=7.5)
    studio.worker.release()

    assert (await studio.finished(asked)).pictures
    assert studio.discord.pauses == [7.5]


async def test_an_edit_that_meets_trouble_is_tried_again_until_it_is_taken(studio: Studio) -> None:
    asked = await held(studio)

    studio.discord.fail("PATCH", BY_TOKEN, 502, times=5)
    studio.discord.fail("PATCH", BY_CHANNEL, 503, times=2)
    studio.worker.release()

    assert (await studio.finished(asked)).pictures
    assert studio.discord.state.posts() == [asked.message]


async def test_pictures_whose_answer_got_lost_are_on_one_message_once(studio: Studio) -> None:
    asked = await held(studio)

    lost = studio.discord.lose_answer("PATCH", BY_TOKEN, times=None)
    studio.worker.release()
    message = await studio.finished(asked)

    assert lost.met
    assert len(message.pictures) == 1
    assert studio.discord.state.posts() == [message]
    assert await state_of(studio, message) is JobState.DELIVERED


async def test_one_late_answer_keeps_nobody_else_waiting(studio: Studio) -> None:
    asked = await held(studio)

    late = studio.discord.hold_answer("PATCH", BY_TOKEN)
    studio.worker.release()
    await late.until_met()
    assert (await studio.drawn("a green apple")).pictures

    late.lift()
    assert (await studio.finished(asked)).pictures


async def test_a_request_that_is_held_changes_nothing_until_it_is_let_go(studio: Studio) -> None:
    asked = await held(studio)

    held_back = studio.discord.hold_request("PATCH", BY_TOKEN)
    studio.worker.release()
    await held_back.until_met()
    assert "Drawing… 0 %" in asked.message.content

    held_back.lift()
    assert (await studio.finished(asked)).pictures
