"""New requests: what is filled in, and what is refused before there is a job."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.policy import (
    DailyQuotaUsed,
    ModelDenied,
    NoModelAllowed,
    Refusal,
    SizeOverLimit,
    StepsOverLimit,
    TooManyAtOnce,
    TooManyPictures,
)
from bot.domain.records import JobKind, JobState
from bot.usecases.running_jobs import Drawing, Waiting
from engine.api import (
    MAX_SEED,
    BadPrompt,
    EngineError,
    InvalidSize,
    Inversion,
    Lora,
    LoraOfOtherFamily,
    LoraUse,
    OutOfRange,
    SafetyUnavailable,
    TooBusy,
    UnknownLora,
    UnknownModel,
    UnknownScheduler,
)
from engine.executors.fake import StartOutcome

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio


async def seeds(studio: Studio, **options: Any) -> list[int]:
    generation = await studio.accepted(**options)
    return [image.seed for image in generation.recipe.images]


async def test_a_bare_prompt_takes_everything_else_from_the_model(studio: Studio) -> None:
    generation = await studio.accepted("a red apple")
    recipe = generation.recipe
    assert (recipe.model, recipe.model_revision, recipe.prompt, recipe.negative_prompt) == (
        "pocket",
        "1",
        "a red apple",
        "blurry",
    )
    assert (recipe.width, recipe.height, recipe.steps) == (128, 128, 6)
    assert (recipe.guidance_scale, recipe.scheduler) == (4.5, "DPM++ 2M")
    assert (generation.kind, generation.state, generation.user_id) == (JobKind.IMAGINE, JobState.ACCEPTED, 1)
    assert (generation.place, generation.accepted_at) == (studio.place, studio.clock.now)


async def test_what_was_typed_is_taken_as_typed(studio: Studio) -> None:
    recipe = (
        await studio.accepted(
            "a cat",
            negative_prompt="",
            model="other",
            width=128,
            height=192,
            steps=9,
            guidance_scale=1.0,
            scheduler="Euler",
        )
    ).recipe
    assert (recipe.model, recipe.negative_prompt, recipe.width, recipe.height) == ("other", "", 128, 192)
    assert (recipe.steps, recipe.guidance_scale, recipe.scheduler) == (9, 1.0, "Euler")


async def test_what_was_not_typed_keeps_to_the_servers_limits(studio: Studio) -> None:
    await studio.usecases.admin.set_limits(studio.moderator, {"most_steps": 3})
    assert (await studio.accepted()).recipe.steps == 3
    with pytest.raises(StepsOverLimit):
        await studio.accepted(steps=6)


async def test_a_size_that_was_not_typed_is_the_first_that_the_server_allows(studio: Studio) -> None:
    studio.models = (replace(studio.models[0], sizes=tuple(reversed(studio.models[0].sizes))),)
    await studio.reopen()
    await studio.usecases.admin.set_limits(studio.moderator, {"largest_side": 128})
    recipe = (await studio.accepted()).recipe
    assert (recipe.width, recipe.height) == (128, 128)


async def test_a_recipe_names_the_inversions_that_its_prompts_do(studio: Studio) -> None:
    toy, bad = Inversion("toy", "1"), Inversion("bad-hands", "3")
    studio.models = (replace(studio.models[0], inversions=(toy, bad)),)
    await studio.reopen()
    assert (await studio.accepted("a Toy", negative_prompt="bad-hands")).recipe.inversions == (toy, bad)
    assert (await studio.accepted("toys")).recipe.inversions == ()


async def test_a_recipe_names_the_loras_that_its_prompt_does(studio: Studio) -> None:
    family = studio.models[0].family
    studio.models = (replace(studio.models[0], loras=(Lora("ink", "3", family), Lora("oil", "1", "other"))),)
    await studio.reopen()
    assert (await studio.accepted("a tree <lora:ink:0.5>")).recipe.loras == (LoraUse("ink", "3", 0.5),)
    for prompt, refusal in (("<lora:oil:1> tree", LoraOfOtherFamily), ("<lora:pen:1> tree", UnknownLora)):
        with pytest.raises(refusal):
            await studio.accepted(prompt)


async def test_a_model_may_skip_layers_of_clip_unless_the_member_says_otherwise(studio: Studio) -> None:
    studio.models = (replace(studio.models[0], clip_skip=1),)
    await studio.reopen()
    assert (await studio.accepted()).recipe.clip_skip == 1
    assert (await studio.accepted(clip_skip=0)).recipe.clip_skip == 0


async def test_an_accepted_job_survives_the_bot(studio: Studio) -> None:
    generation = await studio.accepted()
    await studio.reopen()
    assert await studio.get(generation.id) == generation


async def test_a_given_seed_is_the_first_of_consecutive_ones(studio: Studio) -> None:
    assert await seeds(studio, seed=7, count=3) == [7, 8, 9]


async def test_seeds_go_round_after_the_last(studio: Studio) -> None:
    assert await seeds(studio, seed=MAX_SEED, count=3) == [MAX_SEED, 0, 1]


async def test_without_a_seed_each_picture_gets_one_of_its_own(studio: Studio) -> None:
    assert await seeds(studio, count=3) == [1000, 1001, 1002]


async def test_half_a_surrogate_pair_in_a_prompt_is_replaced(studio: Studio) -> None:
    assert (await studio.accepted("a red \ud83c apple")).recipe.prompt == "a red ? apple"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"prompt": "  "}, BadPrompt),
        ({"prompt": "x" * 4001}, BadPrompt),
        ({"negative_prompt": "x" * 4001}, BadPrompt),
        ({"model": "nosuch"}, UnknownModel),
        ({"scheduler": "nosuch"}, UnknownScheduler),
        ({"width": 100}, InvalidSize),
        ({"height": 0}, InvalidSize),
        ({"width": 99_999}, InvalidSize),
        ({"steps": 0}, OutOfRange),
        ({"steps": 61}, OutOfRange),
        ({"steps": 5000}, OutOfRange),
        ({"guidance_scale": 0.5}, OutOfRange),
        ({"guidance_scale": 15.5}, OutOfRange),
        ({"guidance_scale": math.nan}, OutOfRange),
        ({"guidance_scale": math.inf}, OutOfRange),
        ({"seed": -1}, OutOfRange),
        ({"seed": MAX_SEED + 1}, OutOfRange),
        ({"count": 0}, OutOfRange),
        ({"count": 9}, OutOfRange),
    ],
)
async def test_a_wrong_request_is_refused_and_costs_nothing(
    studio: Studio, options: dict[str, Any], error: type[EngineError]
) -> None:
    with pytest.raises(error):
        await studio.accepted(**options)
    assert await studio.store.jobs.unsettled() == ()
    assert await studio.used() == (0, 0)


async def test_a_typed_prompt_and_what_becomes_of_it_are_bounded_apart_and_named(studio: Studio) -> None:
    studio.styles = (replace(studio.styles[0], prompt="x" * 3000 + " {prompt}"),)
    await studio.reopen()
    await studio.accepted("y" * 2900, style="sketch")

    for prompt, part, length in (("y" * 4001, "prompt", 4001), ("y" * 3999, "whole prompt", 7000)):
        with pytest.raises(BadPrompt) as refused:
            await studio.accepted(prompt, style="sketch")
        assert (refused.value.reason, refused.value.part, refused.value.length) == ("too_long", part, length)


async def test_the_floor_is_asked_of_what_a_style_makes_of_a_prompt(studio: Studio) -> None:
    studio.styles = (replace(studio.styles[0], prompt="nude {prompt}, oil painting"),)
    await studio.reopen()
    await studio.accepted("a bowl of pears", style="sketch")

    with pytest.raises(BadPrompt) as refused:
        await studio.accepted("a child", style="sketch")
    assert refused.value.reason == "forbidden"


async def test_a_wrong_size_names_the_nearest_right_ones(studio: Studio) -> None:
    with pytest.raises(InvalidSize) as refused:
        await studio.accepted(width=130, height=190)
    assert refused.value.nearest[0] == "128x192"


@pytest.mark.parametrize(
    ("limit", "value", "options", "error"),
    [
        ("pictures_per_request", 2, {"count": 3}, TooManyPictures),
        ("pictures_per_day", 2, {"count": 3}, DailyQuotaUsed),
        ("pictures_at_once", 2, {"count": 3}, TooManyAtOnce),
        ("largest_side", 128, {"width": 128, "height": 192}, SizeOverLimit),
        ("most_steps", 5, {"steps": 6}, StepsOverLimit),
    ],
)
async def test_every_limit_refuses_and_costs_nothing(
    studio: Studio, limit: str, value: int, options: dict[str, Any], error: type[Refusal]
) -> None:
    await studio.usecases.admin.set_limits(studio.moderator, {limit: value})
    with pytest.raises(error):
        await studio.accepted(**options)
    assert await studio.used() == (0, 0)


async def test_a_role_lifts_a_limit_for_those_who_have_it(studio: Studio) -> None:
    await studio.usecases.admin.set_limits(studio.moderator, {"pictures_per_request": 1})
    await studio.usecases.admin.set_limits(studio.moderator, {"pictures_per_request": 4}, role_id=5)
    assert len((await studio.accepted(count=4, by=studio.ben)).recipe.images) == 4
    with pytest.raises(TooManyPictures):
        await studio.accepted(count=2, by=studio.ann)


async def test_the_days_quota_counts_earlier_requests_and_says_when_it_resets(studio: Studio) -> None:
    await studio.usecases.admin.set_limits(studio.moderator, {"pictures_per_day": 5})
    await studio.drawn(count=4)
    with pytest.raises(DailyQuotaUsed) as refused:
        await studio.accepted(count=2)
    midnight = studio.clock.now - studio.clock.now % 86_400 + 86_400
    assert (refused.value.used, refused.value.limit, refused.value.resets_at) == (4, 5, midnight)
    studio.clock.now = midnight
    await studio.accepted(count=2)


async def test_requests_made_at_once_cannot_pass_the_limit_together(studio: Studio) -> None:
    outcomes = await asyncio.gather(*(studio.accepted(count=3) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, TooManyAtOnce) for outcome in outcomes) == 3
    assert await studio.used() == (6, 6)


async def test_a_denied_model_is_refused_with_those_that_remain(studio: Studio) -> None:
    await studio.deny("pocket")
    with pytest.raises(ModelDenied) as refused:
        await studio.accepted(model="pocket")
    assert (refused.value.model, refused.value.allowed) == ("pocket", ("other",))


async def test_without_a_model_the_first_allowed_one_is_taken(studio: Studio) -> None:
    await studio.deny("pocket")
    assert (await studio.accepted()).recipe.model == "other"
    await studio.deny("other")
    with pytest.raises(NoModelAllowed):
        await studio.accepted()


async def test_without_a_model_the_guilds_default_is_taken(studio: Studio) -> None:
    await studio.usecases.admin.set_default(studio.moderator, "other")
    assert (await studio.accepted()).recipe.model == "other"


async def test_a_full_queue_refuses_before_there_is_a_job(studio: Studio) -> None:
    studio.queue_limit = 1
    await studio.reopen()
    studio.worker.hold()
    running = await studio.follow_until((await studio.accepted()).id, Drawing)
    waiting = await studio.follow_until((await studio.accepted()).id, Waiting)
    before = await studio.used()
    with pytest.raises(TooBusy):
        await studio.accepted()
    assert await studio.used() == before
    studio.worker.release()
    assert {(await running).state, (await waiting).state} == {JobState.FINISHED}


async def test_nothing_is_accepted_while_the_safety_gate_is_unfit(studio: Studio) -> None:
    tried = asyncio.Event()

    def one_bad_start() -> Iterator[StartOutcome]:
        tried.set()
        yield StartOutcome.UNFIT

    await studio.close()
    studio.starts = one_bad_start()
    await studio.open()
    await tried.wait()
    with pytest.raises(SafetyUnavailable):
        await studio.accepted()
    assert await studio.used() == (0, 0)
