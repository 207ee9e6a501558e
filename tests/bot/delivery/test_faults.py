from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from simcord.http import router

from bot.delivery.tracker import RETRY_AFTER_S
from bot.domain.records import Generation, JobState, Place
from bot.storage import DatabaseBusy
from bot.storage.schema import DATABASE_NAME
from bot.texts import generation as generation_texts
from bot.texts import refusals as refusal_texts
from bot.usecases.imagine import Ask
from engine.api import WorkerReplaced
from engine.executors.fake import FakePlan

if TYPE_CHECKING:
    from simcord.results import InteractionResult

    from tests.bot.conftest import World

BY_TOKEN = "/webhooks/*/messages/*"
BY_CHANNEL = "/channels/*/messages/*"


async def held_job(world: World) -> tuple[InteractionResult, Generation]:
    """Start a job whose pictures come when the worker is released."""
    world.worker.hold()
    result = await world.imagine()
    await world.worker.held()
    assert result.response is not None
    message = result.response
    await world.until(lambda: "Drawing… 0 %" in message.content)
    return result, await world.generation(message)


async def test_a_result_that_the_token_cannot_write_is_written_through_the_channel(world: World) -> None:
    result, _ = await held_job(world)
    world.env.inject_error("PATCH", BY_TOKEN, status=500, times=None)

    world.worker.release()
    message = await world.delivered(result)

    assert message.attachments
    assert len(world.posts()) == 1
    assert world.slept == []


async def test_a_job_that_outlives_its_token_is_delivered_through_the_channel(world: World) -> None:
    result, _ = await held_job(world)
    await world.env.advance_time(16 * 60)
    before = len(world.env.http_requests)

    world.worker.release()
    message = await world.delivered(result)

    assert message.attachments
    assert all("/webhooks/" not in request.path for request in world.env.http_requests[before:])


async def test_a_result_is_tried_again_while_discord_is_in_trouble(world: World) -> None:
    result, _ = await held_job(world)
    world.env.inject_error("PATCH", BY_TOKEN, status=500, times=3)
    world.env.inject_error("PATCH", BY_CHANNEL, status=503, times=2)

    world.worker.release()
    message = await world.delivered(result)

    assert message.attachments
    assert world.slept == list(RETRY_AFTER_S[:2])
    assert len(world.posts()) == 1


async def test_a_result_is_tried_again_while_the_network_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = await held_job(world)
    gone_for(2, monkeypatch)

    world.worker.release()
    message = await world.delivered(result)

    assert message.attachments
    assert world.slept == [RETRY_AFTER_S[0]]  # once through the token and once through the channel, then a wait
    assert len(world.posts()) == 1


async def test_a_model_denied_between_two_tries_is_not_delivered_by_the_second(world: World) -> None:
    result, generation = await held_job(world)
    moderator = replace(world.member(world.moderator), may_moderate=True)
    world.during_sleep(lambda: world.usecases.admin.deny(moderator, "pocket"))
    world.env.inject_error("PATCH", BY_TOKEN, status=500)
    world.env.inject_error("PATCH", BY_CHANNEL, status=503)

    world.worker.release()
    message = await world.delivered(result)

    assert message.attachments == []
    assert refusal_texts.withheld("pocket") in message.content
    assert (await reload(world, generation)).state is JobState.WITHHELD


async def test_a_progress_edit_that_the_network_lost_does_not_stop_the_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_for(2, monkeypatch)

    message = await world.drawn()

    assert message.attachments
    assert world.slept == []


async def test_a_job_whose_start_cannot_be_recorded_is_given_up_and_counts_no_more(world: World) -> None:
    world.faults_are_expected = True
    with closing(sqlite3.connect(world.data_dir / DATABASE_NAME)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER unstartable BEFORE UPDATE ON jobs WHEN NEW.state = 'running'"
            " BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    result = await world.imagine()
    await world.settled(result)

    assert result.response is not None
    assert "Something went wrong on my side" in result.response.content
    assert world.labels(result.response) == []
    _, usage = await world.usecases.quota.of(world.member(world.ann))
    assert (usage.today, usage.active) == (0, 0)
    assert await world.usecases.running_jobs.unsettled() == ()


async def other_program(world: World) -> Callable[[], Awaitable[None]]:
    """Hold the ledger as another program does that writes, and return what lets it go."""
    other = sqlite3.connect(world.data_dir / DATABASE_NAME, isolation_level=None, check_same_thread=False)
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")

    async def let_go() -> None:
        other.close()

    return let_go


def drawings(world: World) -> list[tuple[int, bool]]:
    """Return which attempt each drawing so far was, and whether it was drawn alone."""
    return [(request.attempt, request.alone) for request in world.worker.requests]


@pytest.mark.parametrize("patience_s", [0.01])
async def test_a_job_waits_for_a_ledger_that_another_program_holds_for_long(world: World) -> None:
    _, generation = await held_job(world)
    world.during_wait(await other_program(world))

    world.worker.release()
    await world.over(generation.id)

    (post,) = world.posts()
    ended = await reload(world, generation)
    assert post.attachments
    assert (ended.state, ended.attempts) == (JobState.DELIVERED, 1)
    assert drawings(world) == [(1, False)]
    assert world.slept == []


@pytest.mark.parametrize("patience_s", [0.01])
async def test_a_job_that_could_not_be_put_back_is_no_suspect(world: World) -> None:
    world.faults_are_expected = True  # that an attempt did not count cannot be recorded at once
    fault = WorkerReplaced("fake-0")
    world.worker.plan = lambda request: FakePlan(fail=fault if len(world.worker.requests) == 1 else None)
    _, generation = await held_job(world)
    world.during_sleep(await other_program(world))

    world.worker.release()
    await world.over(generation.id)

    ended = await reload(world, generation)
    assert (ended.state, ended.attempts) == (JobState.DELIVERED, 1)
    assert drawings(world) == [(1, False), (1, False)]
    assert world.slept == [RETRY_AFTER_S[0]]


@pytest.mark.parametrize("patience_s", [0.01])
async def test_a_job_that_a_crash_left_counts_it_though_the_ledger_could_not_be_written_at_first(world: World) -> None:
    place = Place(world.guild.id, world.channel.id)
    generation = await world.usecases.imagine.accept(world.member(world.ann), place, Ask("an apple"))
    await world.store.jobs.start(generation.id)
    let_go = await other_program(world)

    with pytest.raises(DatabaseBusy):
        await anext(world.usecases.running_jobs.follow(generation.id))
    await let_go()
    await world.restart()
    await world.over(generation.id)

    assert drawings(world) == [(2, True)]


async def test_pictures_whose_delivery_cannot_be_recorded_stay_on_their_message(world: World) -> None:
    world.faults_are_expected = True
    with closing(sqlite3.connect(world.data_dir / DATABASE_NAME)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER broken BEFORE UPDATE ON jobs WHEN NEW.state = 'delivered'"
            " BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

    message = await world.drawn()

    assert message.attachments
    assert "Something went wrong" not in message.content
    assert "Reroll" in world.labels(message)


async def test_a_result_whose_message_was_deleted_is_posted_anew(world: World) -> None:
    result, generation = await held_job(world)
    assert result.response is not None
    world.env.backend.delete_message(world.channel.id, result.response.id)

    world.worker.release()
    await world.over(generation.id)

    (post,) = world.posts()
    assert post.attachments
    assert (await reload(world, generation)).message_id == post.id
    assert (await reload(world, generation)).state is JobState.DELIVERED


async def test_a_result_that_may_not_be_posted_is_given_up_and_marked(world: World) -> None:
    _result, generation = await held_job(world)
    world.env.inject_error("PATCH", BY_TOKEN, status=404, code=10015, times=None)
    world.env.inject_error("PATCH", BY_CHANNEL, status=403, code=50001, times=None)

    world.worker.release()
    await world.over(generation.id)

    assert (await reload(world, generation)).state is JobState.FAILED
    assert world.slept == []
    assert await world.usecases.running_jobs.unsettled() == ()


async def test_a_result_that_discord_will_never_take_is_given_up_and_marked(world: World) -> None:
    _result, generation = await held_job(world)
    for method in ("PATCH", "POST"):
        world.env.inject_error(method, "*", status=400, code=50035, times=None)

    world.worker.release()
    await world.over(generation.id)

    assert (await reload(world, generation)).state is JobState.FAILED
    assert world.slept == []


async def test_a_file_too_large_for_the_server_leaves_the_words_and_the_buttons(world: World) -> None:
    world.worker.hold()
    result = await world.imagine(count=2)
    await world.worker.held()
    message = result.response
    assert message is not None
    await world.until(lambda: "Drawing… 0 %" in message.content)
    for path in (BY_TOKEN, BY_CHANNEL):
        world.env.inject_error("PATCH", path, status=413, code=40005)

    world.worker.release()
    await world.delivered(result)

    assert generation_texts.PICTURE_TOO_LARGE in message.content
    assert message.attachments == []
    assert "Show 1" in world.labels(message)
    assert world.slept == []


async def test_a_result_whose_channel_is_gone_is_given_up_and_marked(world: World) -> None:
    _result, generation = await held_job(world)
    world.env.inject_error("PATCH", BY_TOKEN, status=404, code=10015, times=None)
    world.env.inject_error("PATCH", BY_CHANNEL, status=404, code=10003, times=None)

    world.worker.release()
    await world.over(generation.id)

    assert (await reload(world, generation)).state is JobState.FAILED


async def test_a_lost_progress_edit_does_not_stop_the_job(world: World) -> None:
    world.env.inject_error("PATCH", BY_TOKEN, status=500)
    world.env.inject_error("PATCH", BY_CHANNEL, status=500)

    message = await world.drawn()

    assert message.attachments


async def test_a_first_answer_that_discord_refused_does_not_lose_the_job(world: World) -> None:
    world.env.inject_error("POST", "/interactions/*/callback", status=404, code=10062)

    await world.imagine("a red apple")
    await world.until(lambda: any(post.attachments for post in world.posts()))

    (post,) = world.posts()
    await world.over(world.generation_id(post))
    assert (await world.generation(post)).message_id == post.id


async def test_pictures_deleted_while_they_were_drawn_take_their_message_with_them(world: World) -> None:
    _, generation = await held_job(world)
    await world.usecases.deliver.delete(world.member(world.ann), generation.id)

    await world.over(generation.id)

    assert world.posts() == []
    world.worker.release()


def gone_for(requests: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many edits end as they do when the connection breaks: without an answer from Discord."""
    dispatch, left = router.dispatch, [requests]

    def lossy(backend: Any, method: str, *rest: Any, **more: Any) -> Any:
        if method == "PATCH" and left[0]:
            left[0] -= 1
            raise aiohttp.ServerDisconnectedError
        return dispatch(backend, method, *rest, **more)

    monkeypatch.setattr(router, "dispatch", lossy)


async def reload(world: World, generation: Generation) -> Generation:
    found = await world.store.jobs.get(generation.id)
    assert found is not None
    return found
