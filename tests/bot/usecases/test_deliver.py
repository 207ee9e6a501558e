"""Results handed over, shown and deleted; the policy asked each time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.policy import ModelDenied
from bot.domain.records import JobState
from bot.storage import IllegalMove
from bot.usecases.refusals import GenerationDeleted, NoSuchPicture, NotAllowed, UnknownGeneration
from bot.usecases.running_jobs import Drawing
from engine.api import Fault

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio

DAY_S = 86_400.0


async def test_a_parcel_holds_the_allowed_pictures_and_counts_the_others(studio: Studio) -> None:
    studio.plan(block=frozenset({1}), faults={3: Fault.ONE_COLOUR})
    generation = await studio.drawn(count=4)
    parcel = await studio.usecases.deliver.prepare(generation.id)
    assert parcel.generation == generation
    assert [index for index, _ in parcel.pictures] == [0, 2]
    hashes = [generation.pictures[index].file_sha256 for index in (0, 2)]
    assert [picture.file_sha256 for _, picture in parcel.pictures] == hashes
    assert (parcel.blocked, parcel.faults, parcel.gone) == (1, {Fault.ONE_COLOUR: 1}, 0)
    assert parcel.grid is not None


async def test_a_single_picture_has_no_grid(studio: Studio) -> None:
    parcel = await studio.usecases.deliver.prepare((await studio.drawn()).id)
    assert (len(parcel.pictures), parcel.grid) == (1, None)


async def test_a_picture_whose_file_was_changed_is_left_out(studio: Studio) -> None:
    generation = await studio.drawn(count=2)
    name = generation.pictures[0].file_sha256
    assert name is not None
    (studio.data_dir / "pictures" / name[:2] / name).write_bytes(b"another picture")
    parcel = await studio.usecases.deliver.prepare(generation.id)
    assert ([index for index, _ in parcel.pictures], parcel.gone, parcel.faults) == ([1], 1, {})


async def test_a_result_whose_model_was_denied_meanwhile_is_withheld_for_good(studio: Studio) -> None:
    generation = await studio.drawn()
    await studio.deny()
    with pytest.raises(ModelDenied) as refused:
        await studio.usecases.deliver.prepare(generation.id)
    assert refused.value.allowed == ("other",)
    assert (await studio.get(generation.id)).state is JobState.WITHHELD
    assert [left.state for left in await studio.usecases.running_jobs.unsettled()] == [JobState.WITHHELD]
    await studio.usecases.deliver.announced(generation.id)
    assert await studio.usecases.running_jobs.unsettled() == ()
    with pytest.raises(ModelDenied):
        await studio.usecases.deliver.prepare(generation.id)
    await studio.usecases.admin.allow(studio.moderator, "pocket")
    with pytest.raises(NoSuchPicture):
        await studio.usecases.deliver.prepare(generation.id)
    with pytest.raises(NoSuchPicture):
        await studio.usecases.deliver.show(studio.ann, generation.id, 0)
    with pytest.raises(NoSuchPicture):
        await studio.usecases.variations.upscale(studio.ann, studio.place, generation.id, 0, 2)


async def test_a_delivered_result_stays_delivered_when_its_model_is_denied(studio: Studio) -> None:
    generation = await studio.drawn()
    await studio.usecases.deliver.delivered(generation, 555)
    await studio.deny()
    with pytest.raises(ModelDenied):
        await studio.usecases.deliver.prepare(generation.id)
    assert (await studio.get(generation.id)).state is JobState.DELIVERED


async def test_a_job_without_pictures_cannot_be_prepared(studio: Studio) -> None:
    waiting = await studio.accepted()
    cancelled = await studio.accepted()
    await studio.usecases.running_jobs.cancel(studio.ann, cancelled.id)
    for generation in (waiting, cancelled):
        with pytest.raises(NoSuchPicture):
            await studio.usecases.deliver.prepare(generation.id)
    with pytest.raises(UnknownGeneration):
        await studio.usecases.deliver.prepare("nowhere")


async def test_the_message_is_known_before_and_after_delivery(studio: Studio) -> None:
    generation = await studio.accepted()
    await studio.usecases.deliver.placed(generation.id, generation.place.channel_id, 555)
    ended = await studio.end(generation.id)
    assert ended.message_id == 555
    await studio.usecases.deliver.delivered(generation, 556, (71,))
    delivered = await studio.get(generation.id)
    assert (delivered.state, delivered.message_id) == (JobState.DELIVERED, 556)


async def test_one_attachment_shows_all_allowed_pictures(studio: Studio) -> None:
    studio.plan(block=frozenset({1}))
    generation = await studio.drawn(count=3)
    await studio.usecases.deliver.delivered(generation, 555, (71,))
    pictures = (await studio.get(generation.id)).pictures
    assert [picture.attachment_id for picture in pictures] == [71, None, 71]


async def test_several_attachments_show_one_allowed_picture_each(studio: Studio) -> None:
    studio.plan(block=frozenset({1}))
    generation = await studio.drawn(count=3)
    await studio.usecases.deliver.delivered(generation, 555, (71, 72))
    pictures = (await studio.get(generation.id)).pictures
    assert [picture.attachment_id for picture in pictures] == [71, None, 72]


async def test_a_delivery_said_twice_counts_once(studio: Studio) -> None:
    generation = await studio.drawn()
    await studio.usecases.deliver.delivered(generation, 555, (71,))
    await studio.usecases.deliver.delivered(generation, 666, (81,))
    kept = await studio.get(generation.id)
    assert (kept.message_id, kept.pictures[0].attachment_id) == (555, 71)


async def test_a_result_deleted_while_its_message_was_written_says_so(studio: Studio) -> None:
    generation = await studio.drawn()
    await studio.usecases.deliver.delete(studio.ann, generation.id)
    with pytest.raises(GenerationDeleted):
        await studio.usecases.deliver.delivered(generation, 555)
    with pytest.raises(GenerationDeleted):
        await studio.usecases.deliver.prepare(generation.id)


async def test_a_job_that_is_not_over_cannot_be_delivered(studio: Studio) -> None:
    generation = await studio.accepted()
    with pytest.raises(IllegalMove):
        await studio.usecases.deliver.delivered(generation, 555)


async def test_a_result_that_nobody_can_receive_is_not_tried_for_ever(studio: Studio) -> None:
    generation = await studio.drawn()
    await studio.usecases.deliver.failed(generation.id, "channel_gone")
    assert (await studio.get(generation.id)).state is JobState.FAILED
    assert await studio.usecases.running_jobs.unsettled() == ()


async def test_show_gives_one_picture_to_anybody_of_the_guild(studio: Studio) -> None:
    generation = await studio.drawn(count=2)
    shown, picture = await studio.usecases.deliver.show(studio.ben, generation.id, 1)
    assert (shown, picture.file_sha256) == (generation, generation.pictures[1].file_sha256)


async def test_blocked_absent_and_forgotten_pictures_cannot_be_shown(studio: Studio) -> None:
    studio.plan(block=frozenset({1}))
    generation = await studio.drawn(count=2)
    await studio.pass_days(31)
    await studio.store.forget_pictures(30 * DAY_S)
    for index in (0, 1, 2, -1):
        with pytest.raises(NoSuchPicture) as refused:
            await studio.usecases.deliver.show(studio.ann, generation.id, index)
        assert (refused.value.generation_id, refused.value.index) == (generation.id, index)


async def test_show_asks_the_policy_and_the_guild(studio: Studio) -> None:
    generation = await studio.drawn()
    with pytest.raises(UnknownGeneration):
        await studio.usecases.deliver.show(replace(studio.ann, guild_id=99), generation.id, 0)
    await studio.deny()
    with pytest.raises(ModelDenied):
        await studio.usecases.deliver.show(studio.ann, generation.id, 0)
    await studio.usecases.admin.allow(studio.moderator, "pocket")
    await studio.usecases.deliver.delete(studio.ann, generation.id)
    with pytest.raises(GenerationDeleted):
        await studio.usecases.deliver.show(studio.ann, generation.id, 0)


async def test_only_the_author_or_a_moderator_may_delete(studio: Studio) -> None:
    generation = await studio.drawn()
    with pytest.raises(NotAllowed) as refused:
        await studio.usecases.deliver.delete(studio.ben, generation.id)
    assert refused.value.action == "delete"
    assert (await studio.get(generation.id)).state is JobState.FINISHED
    foreign = replace(studio.moderator, guild_id=99)
    with pytest.raises(UnknownGeneration):
        await studio.usecases.deliver.delete(foreign, generation.id)
    deleted = await studio.usecases.deliver.delete(studio.moderator, generation.id)
    assert deleted.state is JobState.DELETED


async def test_a_second_delete_says_it_is_done_already(studio: Studio) -> None:
    generation = await studio.drawn()
    await studio.usecases.deliver.delete(studio.ann, generation.id)
    with pytest.raises(GenerationDeleted):
        await studio.usecases.deliver.delete(studio.ann, generation.id)


async def test_deleting_removes_the_files(studio: Studio) -> None:
    generation = await studio.drawn(count=2)
    await studio.usecases.deliver.delete(studio.ann, generation.id)
    assert [path for path in (studio.data_dir / "pictures").rglob("*") if path.is_file()] == []


async def test_deleting_a_running_job_ends_it_and_frees_its_worker(studio: Studio) -> None:
    studio.worker.hold()
    generation = await studio.accepted()
    task = await studio.follow_until(generation.id, Drawing)
    await studio.usecases.deliver.delete(studio.ann, generation.id)
    assert (await task).state is JobState.DELETED
    studio.worker.release()
    assert (await studio.drawn()).state is JobState.FINISHED
    assert await studio.used() == (1, 0)
