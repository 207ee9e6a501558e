"""Reroll and vary: what is kept of the parent, and what is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.policy import ModelDenied, SizeOverLimit, StepsOverLimit, TooManyAtOnce, TooManyPictures
from bot.domain.records import Generation, JobKind, JobState
from bot.usecases.refusals import (
    AlreadyUnderWay,
    GenerationDeleted,
    NoSuchPicture,
    TooManyVariations,
    UnknownGeneration,
)
from bot.usecases.variations import STRONG, SUBTLE
from engine.api import MAX_VARIATIONS, BadInput, InvalidSize, UnknownModel, Variation

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio


async def reroll(studio: Studio, generation_id: str) -> Generation:
    return await studio.usecases.variations.reroll(studio.ann, studio.place, generation_id)


async def vary(
    studio: Studio, generation_id: str, index: int = 0, strength: float = SUBTLE, count: int | None = None
) -> Generation:
    return await studio.usecases.variations.vary(studio.ann, studio.place, generation_id, index, strength, count)


async def test_a_reroll_changes_the_seeds_and_nothing_else(studio: Studio) -> None:
    parent = await studio.drawn("a cat", seed=7, count=3, steps=9, width=192, height=128, scheduler="Euler")
    again = await reroll(studio, parent.id)
    assert replace(again.recipe, images=parent.recipe.images) == parent.recipe
    assert len(again.recipe.images) == 3
    assert not set(again.recipe.images) & set(parent.recipe.images)
    assert (again.kind, again.parent_id, again.parent_index) == (JobKind.REROLL, parent.id, None)


async def test_a_reroll_of_a_variation_starts_from_fresh_noise(studio: Studio) -> None:
    varied = await vary(studio, (await studio.drawn()).id)
    await studio.end(varied.id)
    again = await reroll(studio, varied.id)
    assert all(image.variations == () for image in again.recipe.images)


async def test_variations_move_the_noise_of_the_chosen_picture(studio: Studio) -> None:
    parent = await studio.drawn(seed=7, count=2)
    varied = await vary(studio, parent.id, 1, STRONG)
    assert [image.seed for image in varied.recipe.images] == [8] * 4
    assert [[step.strength for step in image.variations] for image in varied.recipe.images] == [[STRONG]] * 4
    assert len({image.variations for image in varied.recipe.images}) == 4
    assert (varied.kind, varied.parent_id, varied.parent_index) == (JobKind.VARY, parent.id, 1)


async def test_a_variation_of_a_variation_keeps_the_chain(studio: Studio) -> None:
    first = await vary(studio, (await studio.drawn(seed=7)).id, count=1)
    await studio.end(first.id)
    second = await vary(studio, first.id, 0, STRONG, count=1)
    (noise,) = second.recipe.images
    assert noise.seed == 7
    assert noise.variations[:-1] == first.recipe.images[0].variations
    assert noise.variations[-1] == Variation(noise.variations[-1].seed, STRONG)


async def test_a_chain_of_variations_ends_at_the_contracts_limit(studio: Studio) -> None:
    await studio.usecases.admin.set_limits(studio.moderator, {"pictures_per_day": 1000})
    generation = await studio.drawn(steps=1)
    for _ in range(MAX_VARIATIONS):
        generation = await studio.end((await vary(studio, generation.id, count=1)).id)
    with pytest.raises(TooManyVariations) as refused:
        await vary(studio, generation.id)
    assert refused.value.limit == MAX_VARIATIONS


async def test_variations_are_as_many_as_one_request_may_have(studio: Studio) -> None:
    parent = await studio.drawn()
    await studio.usecases.admin.set_limits(studio.moderator, {"pictures_per_request": 2})
    assert len((await vary(studio, parent.id)).recipe.images) == 2
    with pytest.raises(TooManyPictures):
        await vary(studio, parent.id, strength=STRONG, count=3)


async def test_variations_are_no_more_than_may_be_under_way_at_once(studio: Studio) -> None:
    parent = await studio.drawn()
    await studio.usecases.admin.set_limits(studio.moderator, {"pictures_at_once": 2})
    assert len((await vary(studio, parent.id)).recipe.images) == 2


async def test_the_same_press_twice_is_one_job_until_that_job_is_over(studio: Studio) -> None:
    parent = await studio.drawn(count=2)
    first = await reroll(studio, parent.id)
    with pytest.raises(AlreadyUnderWay) as refused:
        await reroll(studio, parent.id)
    assert refused.value.generation_id == first.id
    await studio.end(first.id)
    assert (await reroll(studio, parent.id)).id != first.id


async def test_a_double_click_is_one_job(studio: Studio) -> None:
    parent = await studio.drawn()
    outcomes = await asyncio.gather(*(vary(studio, parent.id, count=1) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(outcome, AlreadyUnderWay) for outcome in outcomes) == 3


async def test_another_picture_strength_or_member_is_another_press(studio: Studio) -> None:
    parent = await studio.drawn(count=2)
    await vary(studio, parent.id, 0, SUBTLE, count=1)
    await vary(studio, parent.id, 0, STRONG, count=1)
    await vary(studio, parent.id, 1, SUBTLE, count=1)
    await studio.usecases.variations.vary(studio.ben, studio.place, parent.id, 0, SUBTLE, count=1)
    assert len(await studio.store.jobs.unsettled()) == 5  # and the parent, which nobody delivered


async def test_a_blocked_absent_or_unfinished_picture_cannot_be_varied(studio: Studio) -> None:
    studio.plan(block=frozenset({1}))
    parent = await studio.drawn(count=2)
    waiting = await studio.accepted()
    for generation_id, index in ((parent.id, 1), (parent.id, 2), (parent.id, -1), (waiting.id, 0)):
        with pytest.raises(NoSuchPicture) as refused:
            await vary(studio, generation_id, index)
        assert (refused.value.generation_id, refused.value.index) == (generation_id, index)


async def test_a_picture_past_retention_can_still_be_varied(studio: Studio) -> None:
    parent = await studio.drawn()
    await studio.pass_days(365)
    await studio.store.forget_pictures(30 * 86_400)
    assert (await vary(studio, parent.id)).parent_id == parent.id


async def test_unknown_deleted_and_foreign_generations_are_refused(studio: Studio) -> None:
    deleted = await studio.drawn()
    await studio.usecases.deliver.delete(studio.ann, deleted.id)
    kept = await studio.drawn()
    stranger = replace(studio.ann, guild_id=99)
    for act in (reroll, vary):
        with pytest.raises(UnknownGeneration):
            await act(studio, "nowhere")
        with pytest.raises(GenerationDeleted):
            await act(studio, deleted.id)
    with pytest.raises(UnknownGeneration):
        await studio.usecases.variations.reroll(stranger, studio.place, kept.id)
    with pytest.raises(UnknownGeneration):
        await studio.usecases.variations.vary(stranger, studio.place, kept.id, 0, SUBTLE)


async def test_policy_is_asked_again_at_every_press(studio: Studio) -> None:
    parent = await studio.drawn(count=4)
    await studio.usecases.admin.set_limits(studio.moderator, {"most_steps": 5})
    with pytest.raises(StepsOverLimit):
        await reroll(studio, parent.id)
    await studio.usecases.admin.set_limits(studio.moderator, {"most_steps": 40, "pictures_at_once": 3})
    with pytest.raises(TooManyAtOnce):
        await reroll(studio, parent.id)
    await studio.deny("pocket")
    for act in (reroll, vary):
        with pytest.raises(ModelDenied):
            await act(studio, parent.id)


async def test_an_old_button_records_the_revision_that_will_draw(studio: Studio) -> None:
    parent = await studio.drawn()
    studio.models = (replace(studio.models[0], revision="2"), *studio.models[1:])
    await studio.reopen()
    again = await reroll(studio, parent.id)
    assert (parent.recipe.model_revision, again.recipe.model_revision) == ("1", "2")
    assert (await studio.end(again.id)).state == "finished"


async def test_an_old_button_of_a_model_that_is_gone_says_so(studio: Studio) -> None:
    parent = await studio.drawn()
    studio.models = studio.models[1:]
    await studio.reopen()
    for act in (reroll, vary):
        with pytest.raises(UnknownModel):
            await act(studio, parent.id)


async def test_upscaling_draws_one_picture_over_at_a_larger_size_from_its_file(studio: Studio) -> None:
    parent = await studio.drawn("a cat", seed=7, count=2, width=96, height=64)
    grown = await studio.usecases.variations.upscale(studio.ann, studio.place, parent.id, 1, 2)
    assert grown.recipe == parent.recipe.upscaled(1, str(parent.pictures[1].file_sha256), 2)
    assert (grown.recipe.width, grown.recipe.height, grown.recipe.images[0].seed) == (192, 128, 8)
    assert (grown.parent_id, grown.parent_index) == (parent.id, 1)
    await studio.reopen()
    assert (await studio.end(grown.id)).state is JobState.FINISHED
    picture = await studio.store.pictures.read(parent.id, 1)
    assert picture
    assert studio.worker.requests[-1].inputs == (picture.data,)


async def test_a_picture_is_not_upscaled_beyond_what_model_and_server_allow(studio: Studio) -> None:
    parent = await studio.drawn(width=192, height=128)
    for factor, refusal in ((2, SizeOverLimit), (4, InvalidSize)):
        with pytest.raises(refusal):
            await studio.usecases.variations.upscale(studio.ann, studio.place, parent.id, 0, factor)
    with pytest.raises(NoSuchPicture):
        await studio.usecases.variations.upscale(studio.ann, studio.place, parent.id, 3, 2)


async def test_an_upscale_whose_picture_was_deleted_meanwhile_fails_with_that_reason(studio: Studio) -> None:
    parent = await studio.drawn(width=64, height=64)
    grown = await studio.usecases.variations.upscale(studio.ann, studio.place, parent.id, 0, 2)
    await studio.usecases.deliver.delete(studio.ann, parent.id)
    failed = await studio.end(grown.id)
    assert failed.state is JobState.FAILED
    assert isinstance(failed.error, BadInput)
    assert failed.error.reason == "missing"
