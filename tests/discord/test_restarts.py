from __future__ import annotations

import pytest

from bot.delivery.tracker import RETRY_AFTER_S
from tests.discord.easel import Studio
from tests.discord.test_faults import BY_CHANNEL, held


async def test_a_request_accepted_before_a_stop_is_delivered_after_it_in_the_same_message(studio: Studio) -> None:
    studio.worker.hold()
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple")
    await studio.worker.held()

    await studio.easel.restart()
    studio.worker.release()
    message = await studio.finished(asked)

    assert message.pictures
    assert studio.discord.state.posts() == [message]


async def test_buttons_work_after_a_restart(studio: Studio) -> None:
    first = await studio.drawn("a red apple")

    await studio.easel.restart()
    second = await studio.finished(await studio.discord.press(studio.ben, first, "Reroll"))

    assert second.pictures


async def test_discord_is_told_of_the_commands_once_for_all_starts(studio: Studio) -> None:
    await studio.easel.restart()

    assert len(studio.discord.asked("PUT", "/commands")) == 1


async def test_what_is_pressed_while_the_gateway_is_gone_is_taken_when_the_session_resumes(studio: Studio) -> None:
    first = await studio.drawn("a red apple")

    studio.discord.gateway.drop()
    second = await studio.finished(await studio.discord.press(studio.ben, first, "Reroll"))

    assert second.pictures
    assert (studio.discord.gateway.identified, studio.discord.gateway.resumed) == (1, 1)
    assert studio.discord.state.posts() == [first, second]


async def test_what_the_bot_was_told_before_a_drop_it_is_not_told_again(studio: Studio) -> None:
    first = await studio.drawn("a red apple")

    studio.discord.gateway.drop()
    await studio.discord.gateway.until(lambda it: it.resumed == 1)
    studio.discord.gateway.drop()
    await studio.discord.gateway.until(lambda it: it.resumed == 2)

    await studio.drawn("a green apple")
    assert len(studio.discord.asked("POST", "/callback")) == 2
    assert len(studio.discord.state.posts()) == 2
    assert first.pictures


async def test_a_session_that_cannot_be_resumed_is_begun_anew_and_the_job_goes_on(studio: Studio) -> None:
    studio.worker.hold()
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple")
    await studio.worker.held()

    studio.discord.gateway.drop(may_resume=False)
    await studio.discord.gateway.until(lambda it: it.identified == 2)
    studio.worker.release()

    assert (await studio.finished(asked)).pictures
    assert (await studio.drawn("a green apple")).pictures
    assert len(studio.worker.requests) == 2


@pytest.mark.parametrize("may_resume", [True, False])
async def test_pictures_of_a_long_outage_are_delivered_when_discord_is_back(studio: Studio, may_resume: bool) -> None:
    asked = await held(studio)
    job_id = studio.easel.job_id(asked.message)
    studio.discord.interactions.expire_all()
    studio.discord.fail("PATCH", BY_CHANNEL, 503, times=None)
    studio.worker.release()
    await studio.easel.bot.delivery.wait(job_id)
    assert studio.easel.slept == list(RETRY_AFTER_S)
    assert not asked.message.pictures

    studio.discord.lift_all()
    studio.discord.gateway.drop(may_resume=may_resume)

    await asked.message.until(lambda it: bool(it.pictures))
    await studio.easel.bot.delivery.wait(job_id)
    assert studio.discord.state.posts() == [asked.message]


async def test_a_job_that_is_accepted_while_the_bot_connects_again_has_one_message(studio: Studio) -> None:
    given = studio.discord.hold_request("POST", "/interactions/*")
    asked = await studio.discord.command(studio.ann, "imagine", prompt="a red apple", is_patient=False)
    await given.until_met()

    studio.discord.gateway.drop()
    await studio.discord.gateway.until(lambda it: it.resumed == 1)
    beside = await studio.drawn("a green apple")
    given.lift()
    await asked.until(lambda it: it.answer is not None)
    message = await studio.finished(asked)

    assert message.pictures
    assert studio.discord.state.posts() == [beside, message]
