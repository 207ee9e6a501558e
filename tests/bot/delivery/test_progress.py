from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.delivery.progress import EDIT_EVERY_S, ProgressCards
from bot.domain.records import JobState
from bot.texts import cards
from bot.texts import faults as fault_texts
from bot.texts import generation as generation_texts
from bot.texts import refusals as refusal_texts
from bot.usecases.running_jobs import Drawing, Waiting
from engine.api import Fault, GenerationFailed, Preview
from engine.executors.fake import FakePlan

if TYPE_CHECKING:
    from tests.bot.conftest import World


async def test_the_job_is_in_the_ledger_before_the_member_is_told_so(world: World) -> None:
    world.worker.hold()

    result = await world.imagine("a red apple")

    assert result.response is not None
    generation = await world.generation(result.response)
    assert generation.accepted_at > 0
    assert generation.message_id == result.response.id
    callbacks = [request for request in world.env.http_requests if request.path.endswith("/callback")]
    assert callbacks[0].json is not None
    assert callbacks[0].json["data"]["content"].endswith("In the queue…")


async def test_a_waiting_job_shows_its_place_and_a_cancel_button(world: World) -> None:
    world.worker.hold()
    await world.imagine("first")
    await world.worker.held()

    await world.imagine("second")
    result = await world.imagine("third")

    assert result.response is not None
    message = result.response
    await world.until(lambda: "place 2" in message.content)
    assert "third" in message.content
    assert world.labels(message) == ["Cancel"]


async def test_a_job_whose_model_is_being_downloaded_says_how_far_that_is(world: World) -> None:
    world.worker.hold()
    result = await world.imagine("a red apple")
    assert result.response is not None
    generation = await world.generation(result.response)
    card = cards.waiting(generation, Waiting(1, None, 0.4399))
    assert card.text == "a red apple\nThe model is being downloaded, 43 %"


async def test_the_one_message_goes_from_queue_to_percent_with_preview_to_pictures(world: World) -> None:
    world.clock.tick = EDIT_EVERY_S
    world.worker.hold()
    result = await world.imagine(steps=20)
    message = result.response
    assert message is not None
    job_id = await world.worker.held()
    await world.until(lambda: "Drawing… 0 %" in message.content)
    assert message.attachments == []

    world.worker.hold(at_step=5)
    world.worker.release(job_id)
    await world.until(lambda: "Drawing… 25 %" in message.content)
    preview = world.file(message)
    assert world.labels(message) == ["Cancel"]

    world.worker.release()
    await world.delivered(result)
    assert "seed" in message.content
    assert world.file(message) != preview
    assert [post.id for post in world.posts()] == [message.id]


async def test_progress_edits_are_spaced_out(world: World) -> None:
    message = await world.drawn(steps=40)

    edits = [request for request in world.env.http_requests if request.method == "PATCH"]
    assert len(edits) == 2  # the start, then the result: the clock stood still between them
    assert message.attachments


async def test_a_preview_that_came_too_early_is_shown_with_the_next_edit(world: World) -> None:
    message = await world.drawn()
    generation = await world.generation(message)
    preview = Preview(3, await world.store.pictures.read(generation.id, 0))
    cards = ProgressCards(world.clock)

    assert cards.content(generation, Drawing(1, 20)) is not None
    assert cards.content(generation, Drawing(4, 20, preview)) is None
    world.clock.now += EDIT_EVERY_S
    card = cards.content(generation, Drawing(9, 20))

    assert card is not None
    assert card.image == preview.picture
    assert "45 %" in card.text
    assert "Preview at 15 %" in card.text


async def test_a_preview_of_an_attempt_that_is_over_goes_when_the_job_waits_again(world: World) -> None:
    message = await world.drawn()
    generation = await world.generation(message)
    preview = Preview(10, await world.store.pictures.read(generation.id, 0))
    cards = ProgressCards(world.clock)
    world.clock.tick = EDIT_EVERY_S

    shown = cards.content(generation, Drawing(10, 20, preview))
    assert shown is not None
    assert shown.image == preview.picture
    waits = cards.content(generation, Waiting(1, None))
    assert waits is not None
    assert (waits.image, waits.keep_image) == (None, False)
    again = cards.content(generation, Drawing(2, 20))
    assert again is not None
    assert "Preview" not in again.text


async def test_pictures_that_the_gate_blocked_are_missing_with_one_kind_notice(world: World) -> None:
    world.worker.plan = lambda request: FakePlan(block=frozenset({1}))

    message = await world.drawn(count=4)

    assert generation_texts.blocked(1, 4) in message.content
    assert "1 of 4 pictures was held back by the safety checker" in message.content
    assert len(message.attachments) == 1


async def test_when_all_are_blocked_the_message_says_so_kindly_and_offers_a_reroll(world: World) -> None:
    world.worker.plan = lambda request: FakePlan(block=frozenset({0, 1}))

    message = await world.drawn(count=2)

    assert generation_texts.blocked(2, 2) in message.content
    assert message.attachments == []
    assert world.labels(message) == ["Reroll", "Delete"]


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_picture_that_could_not_be_judged_is_told_by_its_fault_costs_nothing_and_can_be_rerolled(
    world: World, fault: Fault
) -> None:
    world.faults_are_expected = True
    world.worker.plan = lambda request: FakePlan(faults={0: fault})

    message = await world.drawn()

    assert fault_texts.missing(fault, 1, 1) in message.content
    assert "held back" not in message.content
    assert message.attachments == []
    assert world.labels(message) == ["Reroll", "Delete"]
    assert await world.used_today(world.ann) == 0


async def test_faults_and_blocks_in_one_request_are_each_told_beside_the_pictures_that_came_out(world: World) -> None:
    world.faults_are_expected = True
    world.worker.plan = lambda request: FakePlan(
        block=frozenset({0}), faults={1: Fault.NOT_FINITE, 2: Fault.DETECTOR_HUNG}
    )

    message = await world.drawn(count=4)

    assert len(message.attachments) == 1
    assert message.content.splitlines()[-3:] == [
        generation_texts.blocked(1, 4),
        fault_texts.missing(Fault.NOT_FINITE, 1, 4),
        fault_texts.missing(Fault.DETECTOR_HUNG, 1, 4),
    ]


async def test_a_hang_keeps_what_was_judged_and_the_next_request_is_drawn_by_another_worker(world: World) -> None:
    world.faults_are_expected = True
    world.worker.plan = lambda request: FakePlan(hang_at_picture=2)

    message = await world.drawn(count=3)

    assert len(message.attachments) == 1
    assert fault_texts.missing(Fault.DETECTOR_HUNG, 1, 3) in message.content
    world.worker.plan = lambda request: FakePlan()
    assert (await world.drawn("a pear")).attachments


async def test_a_failed_job_ends_with_an_honest_sentence_and_no_buttons(world: World) -> None:
    world.worker.plan = lambda request: FakePlan(fail=GenerationFailed("out of memory"))

    result = await world.imagine()
    await world.settled(result)

    assert result.response is not None
    assert refusal_texts.GENERATION_FAILED in result.response.content
    assert "out of memory" not in result.response.content
    assert world.labels(result.response) == []


async def test_a_worker_that_dies_in_mid_job_is_made_up_for_by_a_retry(world: World) -> None:
    world.worker.plan = lambda request: FakePlan(die_at_step=3 if request.attempt == 1 else None)

    message = await world.drawn(seed="7")

    assert message.attachments
    assert [request.attempt for request in world.worker.requests] == [1, 2]
    assert len(world.posts()) == 1
    assert (await world.generation(message)).state is JobState.DELIVERED


async def test_a_worker_that_always_dies_ends_in_one_honest_sentence_and_the_next_job_works(world: World) -> None:
    world.worker.plan = lambda request: FakePlan(die_at_step=3)
    result = await world.imagine()
    await world.settled(result)

    assert result.response is not None
    assert refusal_texts.ENDS_WORKERS in result.response.content
    world.worker.plan = lambda request: FakePlan()
    assert (await world.drawn()).attachments


async def test_a_model_denied_while_its_job_waits_is_not_delivered(world: World) -> None:
    world.worker.hold()
    result = await world.imagine(count=2)
    message = result.response
    assert message is not None
    generation_id = world.generation_id(message)
    await world.moderator.slash(world.channel, "admin models deny", model="pocket")

    world.worker.release()
    await world.settled(result)

    assert "The pictures are not posted" in message.content
    assert "turned off the model pocket" in message.content
    assert message.attachments == []
    assert world.labels(message) == []
    generation = await world.store.jobs.get(generation_id)
    assert generation is not None
    assert generation.state is JobState.WITHHELD


async def test_jobs_of_several_members_are_delivered_each_to_its_own_message(world: World) -> None:
    world.worker.hold()
    mine = await world.imagine("mine")
    yours = await world.imagine("yours", by=world.ben)
    world.worker.release()

    for result, prompt in ((mine, "mine"), (yours, "yours")):
        message = await world.delivered(result)
        assert message.content.startswith(prompt)
        assert message.attachments
