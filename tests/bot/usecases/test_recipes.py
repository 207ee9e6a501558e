"""What a picture says of itself, brought to what can be drawn here today."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.policy import ModelDenied
from bot.domain.records import JobKind
from bot.usecases.recipes import RecipeChange, RecipePlan, read_found
from bot.usecases.refusals import AlreadyUnderWay, NoRecipe, NoSuchPicture
from engine.api import BadInput, ImageSeed, Lora, LoraUse, Parameters
from engine.api.embedded_texts import PARAMETERS, RECIPE

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio

SAID = Parameters("a cat", "", "pocket", 128, 128, 9, 5.0, "Euler", ImageSeed(7))


async def plan(studio: Studio, **changes: object) -> RecipePlan:
    return await studio.usecases.recipes.plan(studio.ann, replace(SAID, **changes))  # type: ignore[arg-type]


async def test_what_can_be_drawn_as_said_is_not_changed(studio: Studio) -> None:
    planned = await plan(studio)

    assert planned.changes == ()
    assert (planned.recipe.prompt, planned.recipe.negative_prompt) == ("a cat", "")
    assert (planned.recipe.steps, planned.recipe.guidance_scale, planned.recipe.scheduler) == (9, 5.0, "Euler")
    assert planned.recipe.images == (ImageSeed(7),)


async def test_what_is_not_said_is_the_model_s_own(studio: Studio) -> None:
    planned = await plan(studio, width=None, height=None, steps=None, guidance_scale=None, scheduler=None)

    assert planned.changes == ()
    assert (planned.recipe.width, planned.recipe.steps, planned.recipe.scheduler) == (128, 6, "DPM++ 2M")


@pytest.mark.parametrize(
    ("width", "height", "size"), [(1024, 1536, "128x192"), (1536, 640, "192x128"), (130, 130, "128x128")]
)
async def test_a_size_that_cannot_be_drawn_gives_way_to_one_of_its_shape(
    studio: Studio, width: int, height: int, size: str
) -> None:
    planned = await plan(studio, width=width, height=height)

    assert planned.changes == (RecipeChange("size", f"{width}x{height}", size),)
    assert f"{planned.recipe.width}x{planned.recipe.height}" == size


async def test_a_size_over_the_member_s_limit_gives_way_too(studio: Studio) -> None:
    assert (await plan(studio, width=256, height=256)).changes == (RecipeChange("size", "256x256", "128x128"),)


@pytest.mark.parametrize(("steps", "used"), [(41, 40), (1000, 40)])
async def test_steps_stay_within_the_member_s_limit(studio: Studio, steps: int, used: int) -> None:
    planned = await plan(studio, steps=steps)

    assert (planned.recipe.steps, planned.changes) == (used, (RecipeChange("steps", str(steps), str(used)),))


async def test_as_many_layers_are_skipped_as_the_model_can(studio: Studio) -> None:
    assert (await plan(studio, clip_skip=1)).recipe.clip_skip == 1
    assert (await plan(studio, clip_skip=12)).changes == (RecipeChange("clip skip", "12", "10"),)


@pytest.mark.parametrize(("said", "used"), [("euler", "Euler"), ("Euler Karras", "Euler"), ("DPM fast", "DPM++ 2M")])
async def test_a_noise_scheduler_is_found_by_its_name_or_the_nearest_is_taken(
    studio: Studio, said: str, used: str
) -> None:
    assert (await plan(studio, scheduler=said)).recipe.scheduler == used


async def test_loras_that_are_not_here_are_left_out_and_the_others_stay(studio: Studio) -> None:
    ink = Lora("ink", "1", "sd1")
    studio.models = (replace(studio.models[0], loras=(ink, Lora("wide", "1", "sdxl"))),)
    await studio.reopen()

    planned = await plan(studio, prompt="a cat <lora:gone>, <lora:Ink:0.5> <lora:wide:1>")

    assert planned.changes == (RecipeChange("lora", "gone, wide"),)
    assert planned.recipe.loras == (LoraUse("ink", "1", 0.5),)
    assert "gone" not in planned.recipe.prompt


async def test_a_lora_without_a_weight_stays_as_it_was_typed(studio: Studio) -> None:
    studio.models = (replace(studio.models[0], loras=(Lora("ink", "1", "sd1", weight=0.7),)),)
    await studio.reopen()

    planned = await plan(studio, prompt="a cat <lora:ink>", negative_prompt="mud <lora:gone>")

    assert planned.changes == (RecipeChange("lora", "gone"),)
    assert (planned.recipe.prompt, planned.recipe.negative_prompt) == ("a cat <lora:ink>", "mud")
    assert planned.recipe.loras == (LoraUse("ink", "1", 0.7),)


async def test_a_small_weight_beside_an_unknown_lora_is_written_without_an_exponent(studio: Studio) -> None:
    studio.models = (replace(studio.models[0], loras=(Lora("ink", "1", "sd1"),)),)
    await studio.reopen()

    planned = await plan(studio, prompt="a cat <lora:gone> <lora:ink:0.00000001>")

    assert planned.recipe.prompt == "a cat <lora:ink:0.00000001>"


async def test_a_lora_that_fits_a_model_of_its_own_layers_stays(studio: Studio) -> None:
    own, of_family = Lora("own", "1", "small"), Lora("usual", "1", "sd1")
    studio.models = (replace(studio.models[0], addon_family="small", loras=(own, of_family)),)
    await studio.reopen()

    planned = await plan(studio, prompt="a cat <lora:own:1> <lora:usual:1>")

    assert planned.changes == (RecipeChange("lora", "usual"),)
    assert planned.recipe.loras == (LoraUse("own", "1", 1.0),)


@pytest.mark.parametrize(("said", "used"), [(None, 0), (0, 0), (1, 1), (32, 10)])
async def test_as_many_layers_are_skipped_as_the_file_says_and_the_model_can(
    studio: Studio, said: int | None, used: int
) -> None:
    planned = await plan(studio, clip_skip=said)

    assert planned.recipe.clip_skip == used
    assert planned.changes == ((RecipeChange("clip skip", "32", "10"),) if said == 32 else ())


async def test_what_the_server_keeps_away_is_added_once(studio: Studio) -> None:
    await studio.usecases.admin.set_negative_prompt(studio.moderator, "gore")

    assert (await plan(studio)).recipe.negative_prompt == "gore"
    assert (await plan(studio)).changes == (RecipeChange("server", used="gore"),)
    assert (await plan(studio, negative_prompt="Gore, mud")).changes == ()


async def test_an_unknown_model_falls_to_the_server_s_default(studio: Studio) -> None:
    await studio.usecases.admin.set_default(studio.moderator, "other")

    planned = await plan(studio, model="dreamy")

    assert (planned.recipe.model, planned.changes) == ("other", (RecipeChange("model", "dreamy", "other"),))


async def test_a_known_model_that_is_denied_is_refused_and_not_replaced(studio: Studio) -> None:
    await studio.deny("pocket")

    with pytest.raises(ModelDenied):
        await studio.usecases.recipes.accept(studio.ann, studio.place, SAID, "run:1:1")


async def test_the_same_press_is_one_job(studio: Studio) -> None:
    accepted = await studio.usecases.recipes.accept(studio.ann, studio.place, SAID, "run:1:1")

    assert (accepted.kind, accepted.parent_id) == (JobKind.REROLL, None)
    with pytest.raises(AlreadyUnderWay):
        await studio.usecases.recipes.accept(studio.ann, studio.place, SAID, "run:1:1")


async def test_a_generation_runs_again_from_what_it_started_from(studio: Studio) -> None:
    parent = await studio.drawn("a cat", seed=7, width=64, height=64)
    grown = await studio.end((await studio.usecases.variations.upscale(studio.ann, studio.place, parent.id, 0, 2)).id)

    again = await studio.usecases.variations.run(studio.ben, studio.place, grown.id, None)

    assert again.recipe == grown.recipe
    assert (await studio.end(again.id)).pictures[0].file_sha256 == grown.pictures[0].file_sha256


async def test_a_generation_whose_start_was_deleted_cannot_run(studio: Studio) -> None:
    parent = await studio.drawn("a cat", width=64, height=64)
    grown = await studio.end((await studio.usecases.variations.upscale(studio.ann, studio.place, parent.id, 0, 2)).id)
    await studio.usecases.deliver.delete(studio.ann, parent.id)

    with pytest.raises(BadInput) as refused:
        await studio.usecases.variations.run(studio.ann, studio.place, grown.id, None)

    assert refused.value.reason == "missing"


async def test_a_picture_that_a_generation_never_had_cannot_run(studio: Studio) -> None:
    parent = await studio.drawn(count=2)

    with pytest.raises(NoSuchPicture):
        await studio.usecases.variations.run(studio.ann, studio.place, parent.id, 2)


def test_texts_that_say_nothing_are_refused() -> None:
    for texts in ({}, {RECIPE: "{}"}, {PARAMETERS: "hello"}):
        with pytest.raises(NoRecipe):
            read_found(texts)
