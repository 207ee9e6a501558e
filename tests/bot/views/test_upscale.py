from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.records import JobKind, JobState
from bot.texts import buttons as button_texts
from bot.texts import inputs as input_texts
from bot.texts import refusals as refusal_texts
from bot.texts import upscaling
from engine.api import UpscalerUnavailable
from engine.executors.fake import FakePlan

if TYPE_CHECKING:
    from tests.bot.conftest import World


async def test_every_picture_of_a_grid_has_its_own_upscale_button_in_a_row_of_its_own(world: World) -> None:
    grid = await world.drawn(count=4)

    rows = world.env.backend.get_message(world.channel.id, grid.id).components

    assert [[button["label"] for button in row["components"]] for row in rows] == [
        ["Show 1", "Show 2", "Show 3", "Show 4"],
        ["Vary 1", "Vary 2", "Vary 3", "Vary 4"],
        ["Upscale 1", "Upscale 2", "Upscale 3", "Upscale 4"],
        ["Reroll", "Delete"],
    ]


async def test_a_picture_of_a_grid_grows_twofold_without_being_shown_first(world: World) -> None:
    grid = await world.drawn(seed="7", size="96x64", count=3)

    child = await world.delivered(await world.press(world.ben, grid, "Upscale 2"))

    generation = await world.generation(child)
    assert generation.kind is JobKind.UPSCALE
    assert (generation.parent_index, generation.user_id) == (1, world.ben.id)
    assert (generation.recipe.width, generation.recipe.height) == (192, 128)
    assert [image.seed for image in generation.recipe.images] == [8]


async def test_a_single_picture_grows_at_the_press_of_a_button(world: World) -> None:
    parent = await world.drawn(seed="7", size="96x64")

    child = await world.delivered(await world.press(world.ann, parent, "Upscale x2"))

    old, new = (await world.generation(parent)).recipe, (await world.generation(child)).recipe
    assert (new.width, new.height, new.images) == (2 * old.width, 2 * old.height, old.images)


async def test_an_upscaler_of_the_catalogue_is_named_in_the_reply(world: World) -> None:
    parent = await world.drawn(size="96x64", model="other")
    world.worker.hold()

    result = await world.press(world.ann, parent, "Upscale x2")
    assert result.response is not None
    await world.until(lambda: "Upscaling…" in world.posts()[-1].content)
    world.worker.release()
    child = await world.delivered(result)

    assert "other · 192x128 · upscaled x2 by Crisp 2" in child.content
    assert "steps" not in child.content


async def test_an_upscaler_that_fails_is_named_with_whom_to_ask(world: World) -> None:
    parent = await world.drawn(size="96x64", model="other")
    world.worker.plan = lambda request: FakePlan(fail=UpscalerUnavailable("Crisp 2", "no tensor conv_last"))

    result = await world.press(world.ann, parent, "Upscale x2")
    await world.settled(result)

    assert upscaling.unavailable("Crisp 2") in world.posts()[-1].content


async def test_a_picture_too_large_for_the_server_is_refused_without_naming_smaller_ones(world: World) -> None:
    parent = await world.drawn(model="other")

    sentence = world.refusal(await world.press(world.ann, parent, "Upscale x2"))

    assert sentence == refusal_texts.size_over_limit(256, 256, 192, [])


@pytest.mark.parametrize(("count", "label"), [(2, "Upscale 2"), (1, "Upscale x2")])
async def test_a_double_click_makes_one_larger_picture(world: World, count: int, label: str) -> None:
    parent = await world.drawn(size="96x64", count=count)
    world.worker.hold()

    first = await world.press(world.ann, parent, label)
    second = await world.press(world.ann, parent, label)

    assert world.refusal(second) == button_texts.ALREADY_UNDER_WAY
    world.worker.release()
    await world.delivered(first)
    assert len(world.posts()) == 2


async def test_a_blocked_picture_has_no_upscale_button_and_a_forged_one_is_refused(world: World) -> None:
    world.worker.plan = lambda request: FakePlan(block=frozenset({0}))
    grid = await world.drawn(size="96x64", count=3)
    assert [label for label in world.labels(grid) if label.startswith("Upscale")] == ["Upscale 1", "Upscale 2"]
    components = world.env.backend.get_message(world.channel.id, grid.id).components
    custom_id = f"easel:upscale:{world.generation_id(grid)}:0:2"
    components[0]["components"][0]["custom_id"] = custom_id

    assert world.refusal(await world.ann.click(grid, custom_id=custom_id)) == button_texts.NO_SUCH_PICTURE


async def test_a_picture_past_retention_cannot_be_upscaled_any_more(world: World) -> None:
    parent = await world.drawn(size="96x64", count=2)
    await world.store.forget_pictures(older_than_s=-1.0)

    assert world.refusal(await world.press(world.ann, parent, "Upscale 1")) == button_texts.NO_SUCH_PICTURE


async def test_varying_what_an_upscaler_made_varies_the_picture_it_was_made_of(world: World) -> None:
    parent = await world.drawn(seed="7", size="96x64", model="other")
    larger = await world.delivered(await world.press(world.ann, parent, "Upscale x2"))

    varied = await world.generation(await world.delivered(await world.press(world.ann, larger, "Vary subtle")))
    rerolled = await world.generation(await world.delivered(await world.press(world.ann, larger, "Reroll")))

    drawn = (await world.generation(parent)).recipe
    assert {image.seed for image in varied.recipe.images} == {7}
    for again in (varied, rerolled):
        assert replace(again.recipe, images=drawn.images) == drawn


@pytest.mark.parametrize("label", ["Zoom out", "Pan →"])
async def test_what_lies_around_what_an_upscaler_made_is_drawn_at_the_size_from_before(
    world: World, label: str
) -> None:
    parent = await world.drawn(size="96x64", model="other")
    larger = await world.delivered(await world.press(world.ann, parent, "Upscale x2"))

    around = await world.generation(await world.delivered(await world.press(world.ann, larger, label)))

    assert around.recipe.upscaler is None
    assert (around.recipe.width, around.recipe.height) == (96, 64)
    assert around.recipe.init_image is not None
    assert around.recipe.init_image.sha256 == (await world.generation(larger)).pictures[0].file_sha256


async def test_varying_a_picture_that_was_drawn_over_needs_the_picture_it_was_made_of(world: World) -> None:
    parent = await world.drawn(size="96x64")
    first = await world.press(world.ann, parent, "Upscale x2")
    larger = await world.delivered(first)
    await world.press(world.ann, parent, "Delete")
    assert (await world.generation(larger)).state is JobState.DELIVERED

    assert world.refusal(await world.press(world.ann, larger, "Vary subtle")) == input_texts.INPUT_MISSING
