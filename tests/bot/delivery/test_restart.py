from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.records import Generation, JobState, Place
from bot.storage.schema import DATABASE_NAME
from bot.texts import generation as generation_texts
from bot.texts import refusals as refusal_texts
from bot.usecases.imagine import Ask

if TYPE_CHECKING:
    from tests.bot.conftest import World


async def test_a_job_that_was_being_drawn_is_taken_up_and_delivered_once(world: World) -> None:
    world.worker.hold()
    result = await world.imagine(seed="7")
    message = result.response
    assert message is not None
    await world.worker.held()

    await world.restart()
    world.worker.release()
    await world.settled(result)

    assert message.attachments
    assert [post.id for post in world.posts()] == [message.id]
    assert (await world.generation(message)).state is JobState.DELIVERED


async def test_a_job_taken_up_can_still_be_cancelled(world: World) -> None:
    world.worker.hold()
    result = await world.imagine()
    message = result.response
    assert message is not None
    await world.restart()

    await world.press(world.ann, message, "Cancel")
    await world.settled(result)

    assert generation_texts.CANCELLED in message.content


async def test_a_job_whose_message_was_never_sent_gets_one_in_its_channel(world: World) -> None:
    generation = await accepted(world)

    await world.restart()
    await settled(world, generation)

    (post,) = world.posts()
    assert post.attachments
    assert (await reload(world, generation)).message_id == post.id
    assert (await reload(world, generation)).state is JobState.DELIVERED


async def test_a_message_sent_in_place_of_a_lost_one_is_the_one_that_later_starts_use(world: World) -> None:
    world.worker.hold()
    generation = await accepted(world)
    await world.restart()
    await world.worker.held()
    await world.until(lambda: len(world.posts()) == 1)
    (post,) = world.posts()
    assert world.labels(post) == ["Cancel"]

    await world.restart()
    world.worker.release()
    await settled(world, generation)

    assert [each.id for each in world.posts()] == [post.id]
    assert world.posts()[0].attachments


async def test_pictures_drawn_but_not_yet_delivered_go_into_the_message_that_waits_for_them(world: World) -> None:
    world.env.inject_error("PATCH", "*", status=503, times=None)
    result = await world.imagine(seed="7")
    await world.settled(result)
    message = result.response
    assert message is not None
    assert message.attachments == []
    generation_id = world.generation_id(message)
    world.env.backend.faults.clear()

    await world.restart()
    await settled(world, generation_id)

    assert message.attachments
    assert [post.id for post in world.posts()] == [message.id]
    assert len(world.worker.requests) == 1


async def test_a_delivery_that_was_made_but_not_recorded_is_made_again_in_place(world: World) -> None:
    message = await world.drawn(count=4)
    generation = await world.generation(message)
    before = world.file(message)
    forget_delivery(world, generation)

    await world.restart()
    await settled(world, generation)

    assert [post.id for post in world.posts()] == [message.id]
    assert len(message.attachments) == 1
    assert world.file(message) == before
    assert (await reload(world, generation)).state is JobState.DELIVERED


async def test_the_end_of_a_job_that_nobody_was_told_of_is_told_by_the_next_start_once(world: World) -> None:
    world.worker.hold()
    result = await world.imagine()
    message = result.response
    assert message is not None
    await world.worker.held()
    generation_id = world.generation_id(message)
    world.env.inject_error("PATCH", "*", status=503, times=None)
    await world.usecases.running_jobs.cancel(world.member(world.ann), generation_id)
    await settled(world, generation_id)
    assert generation_texts.CANCELLED not in message.content
    world.env.backend.faults.clear()

    await world.restart()
    await settled(world, generation_id)

    assert generation_texts.CANCELLED in message.content
    assert world.labels(message) == []
    assert await world.usecases.running_jobs.unsettled() == ()


async def test_pictures_withheld_just_before_a_stop_are_explained_by_the_next_start(world: World) -> None:
    world.env.inject_error("PATCH", "*", status=503, times=None)
    result = await world.imagine()
    await world.settled(result)
    message = result.response
    assert message is not None
    generation_id = world.generation_id(message)
    await world.usecases.admin.deny(replace(world.member(world.moderator), may_moderate=True), "pocket")
    await world.restart()
    await settled(world, generation_id)
    world.env.backend.faults.clear()

    await world.restart()
    await settled(world, generation_id)

    assert refusal_texts.withheld("pocket") in message.content
    assert message.attachments == []
    assert await world.usecases.running_jobs.unsettled() == ()


async def test_pictures_deleted_just_before_a_stop_go_at_the_next_start(world: World) -> None:
    generation = await world.generation(await world.drawn())
    await world.usecases.deliver.delete(world.member(world.ann), generation.id)

    await world.restart()
    await settled(world, generation)

    assert world.posts() == []
    assert await world.usecases.running_jobs.unsettled() == ()


async def test_pictures_that_discord_would_not_delete_go_at_the_next_start(world: World) -> None:
    message = await world.drawn()
    generation = await world.generation(message)
    world.env.inject_error("DELETE", "*", status=503, times=None)
    await world.press(world.ann, message, "Delete")
    assert [post.id for post in world.posts()] == [message.id]
    assert [each.id for each in await world.usecases.running_jobs.unsettled()] == [generation.id]

    world.env.backend.faults.clear()
    await world.restart()
    await settled(world, generation)

    assert world.posts() == []
    assert await world.usecases.running_jobs.unsettled() == ()


async def test_the_message_of_a_job_deleted_just_before_a_stop_goes_at_the_next_start(world: World) -> None:
    message = await world.drawn()
    generation = await accepted(world)
    await world.usecases.deliver.placed(generation.id, world.channel.id, message.id)
    await world.usecases.deliver.delete(world.member(world.ann), generation.id)

    await world.restart()
    await settled(world, generation)

    assert world.posts() == []
    assert await world.usecases.running_jobs.unsettled() == ()


async def test_a_delivered_job_is_left_alone_by_a_restart(world: World) -> None:
    await world.drawn()
    calls = len(world.env.http_requests)

    await world.restart()

    assert [call for call in world.env.http_requests[calls:] if "/messages" in call.path] == []


@pytest.mark.parametrize("cause", ["bot", "engine"])
async def test_no_state_is_left_behind_that_a_second_restart_would_deliver_again(world: World, cause: str) -> None:
    world.worker.hold()
    result = await world.imagine()
    await world.worker.held()
    if cause == "engine":
        world.worker.die()
    await world.restart()
    world.worker.release()
    await world.settled(result)

    await world.restart()

    assert len(world.posts()) == 1
    assert await world.usecases.running_jobs.unsettled() == ()


@pytest.mark.parametrize("patience_s", [0.01])
async def test_a_bot_starts_while_the_ledger_cannot_be_written(world: World) -> None:
    message = await world.drawn()
    forget_delivery(world, await world.generation(message))
    with closing(sqlite3.connect(world.data_dir / DATABASE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        world.faults_are_expected = True  # what became of the message cannot be recorded yet
        await world.restart()
        await settled(world, world.generation_id(message))

    assert [post.id for post in world.posts()] == [message.id]
    assert message.attachments


@pytest.mark.parametrize(
    "fault",
    [
        "ALTER TABLE interactions RENAME COLUMN kept_at TO kept",
        "CREATE TRIGGER refuses BEFORE INSERT ON bot_state BEGIN SELECT RAISE(ABORT, 'not now'); END",
    ],
    ids=["interactions", "commands"],
)
async def test_a_bot_starts_although_the_ledger_refuses_what_can_wait_for_the_next_start(
    world: World, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    generation = await accepted(world)
    with closing(sqlite3.connect(world.data_dir / DATABASE_NAME)) as connection, connection:
        connection.execute("DELETE FROM bot_state")
        connection.execute(fault)

    await world.restart()
    await settled(world, generation)

    assert (await reload(world, generation)).state is JobState.DELIVERED
    assert "the next start" in caplog.text.lower()


async def accepted(world: World) -> Generation:
    """Accept a job as a bot does that dies before it can answer."""
    place = Place(world.guild.id, world.channel.id)
    return await world.usecases.imagine.accept(world.member(world.ann), place, Ask("a red apple"))


async def settled(world: World, generation: Generation | str) -> None:
    generation_id = generation if isinstance(generation, str) else generation.id
    await world.over(generation_id)


async def reload(world: World, generation: Generation) -> Generation:
    found = await world.store.jobs.get(generation.id)
    assert found is not None
    return found


def forget_delivery(world: World, generation: Generation) -> None:
    """Leave the ledger as a bot does that dies between the edit and its record."""
    with closing(sqlite3.connect(world.data_dir / DATABASE_NAME)) as connection, connection:
        connection.execute("UPDATE jobs SET state = 'finished', told = 0 WHERE id = ?", (generation.id,))
