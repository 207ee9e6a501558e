from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.records import JobState
from bot.texts import buttons as button_texts
from bot.texts import generation as generation_texts

if TYPE_CHECKING:
    from tests.bot.conftest import World


async def test_the_author_cancels_a_job_that_is_being_drawn(world: World) -> None:
    world.worker.hold()
    result = await world.imagine()
    assert result.response is not None
    generation = await world.generation(result.response)

    await world.press(world.ann, result.response, "Cancel")
    await world.settled(result)

    assert generation_texts.CANCELLED in result.response.content
    assert world.labels(result.response) == []
    assert await state(world, generation.id) is JobState.CANCELLED


async def test_a_moderator_cancels_anyones_job(world: World) -> None:
    world.worker.hold()
    result = await world.imagine()
    assert result.response is not None

    await world.press(world.moderator, result.response, "Cancel")
    await world.settled(result)

    assert generation_texts.CANCELLED in result.response.content


async def test_nobody_else_may_cancel(world: World) -> None:
    world.worker.hold()
    result = await world.imagine()
    assert result.response is not None

    refused = await world.press(world.ben, result.response, "Cancel")

    assert world.refusal(refused) == button_texts.NOT_ALLOWED["cancel"]
    world.worker.release()
    message = await world.delivered(result)
    assert (await world.generation(message)).state is JobState.DELIVERED


async def test_a_waiting_job_is_cancelled_without_ever_being_drawn(world: World) -> None:
    world.worker.hold()
    await world.imagine("first")
    second = await world.imagine("second")
    assert second.response is not None

    await world.press(world.ann, second.response, "Cancel")
    await world.settled(second)
    world.worker.release()

    assert generation_texts.CANCELLED in second.response.content
    assert [request.recipe.prompt for request in world.worker.requests] == ["first"]


async def test_cancel_on_a_job_that_is_over_changes_nothing(world: World) -> None:
    message = await world.drawn()
    custom_id = f"easel:cancel:{world.generation_id(message)}"
    world.env.backend.get_message(world.channel.id, message.id).components[0]["components"][0]["custom_id"] = custom_id

    result = await world.ann.click(message, custom_id=custom_id)

    assert world.refusal(result) == button_texts.NOT_CANCELLABLE


async def test_the_next_job_is_drawn_after_a_cancelled_one(world: World) -> None:
    world.worker.hold()
    result = await world.imagine()
    assert result.response is not None
    await world.press(world.ann, result.response, "Cancel")
    await world.settled(result)
    world.worker.release()

    message = await world.drawn("a boat")

    assert message.attachments


async def state(world: World, generation_id: str) -> JobState:
    generation = await world.store.jobs.get(generation_id)
    assert generation is not None
    return generation.state
