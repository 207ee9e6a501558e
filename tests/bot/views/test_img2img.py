"""Use as input, zoom out and pan: the buttons under a single picture that start from its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.domain.records import JobKind
from bot.texts import buttons as button_texts
from bot.texts import inputs as input_texts
from bot.texts import refusals as refusal_texts
from engine.api import ImageSeed, Placement

if TYPE_CHECKING:
    from simcord.results import InteractionResult, ResponseMessage

    from tests.bot.conftest import World

AROUND = ["Zoom out", "Pan ←", "Pan →", "Pan ↑", "Pan ↓"]


async def opened(world: World, message: ResponseMessage) -> InteractionResult:
    """Press "Use as input", and return the form."""
    form = await world.press(world.ann, message, "Use as input")
    assert form.modal is not None
    return form


async def filled(world: World, form: InteractionResult, prompt: str, strength: str = "0.6") -> InteractionResult:
    return await world.ann.submit_modal(form, {"prompt": prompt, "strength": strength})


async def test_the_buttons_that_start_from_a_picture_stand_in_rows_of_their_own(world: World) -> None:
    message = await world.drawn()

    rows = world.env.backend.get_message(world.channel.id, message.id).components
    assert [[button["label"] for button in row["components"]] for row in rows][1:] == [
        ["Upscale x2", "Upscale x4", "Use as input"],
        AROUND,
    ]


async def test_the_form_has_the_prompt_of_the_picture_and_the_usual_strength(world: World) -> None:
    form = await opened(world, await world.drawn("a red apple"))

    assert form.modal is not None
    fields = [label["component"] for label in form.modal["components"]]
    assert [(field["custom_id"], field["value"]) for field in fields] == [
        ("prompt", "a red apple"),
        ("strength", "0.6"),
    ]


async def test_a_form_that_is_sent_off_draws_the_picture_over(world: World) -> None:
    parent = await world.drawn("a red apple", seed="7", size="portrait", steps=20)
    form = await opened(world, parent)

    child = await world.delivered(await filled(world, form, "a green apple", "0,45"))

    old, new = await world.generation(parent), await world.generation(child)
    start = new.recipe.init_image
    assert start is not None
    assert (start.sha256, start.strength) == (old.pictures[0].file_sha256, 0.45)
    assert (new.recipe.prompt, new.recipe.width, new.recipe.height, new.kind) == (
        "a green apple",
        128,
        192,
        JobKind.VARY,
    )
    assert new.recipe.images != old.recipe.images
    assert (new.parent_id, new.parent_index, new.user_id) == (old.id, 0, world.ann.id)
    assert world.worker.requests[-1].inputs == (world.file(parent),)
    assert "from a picture at strength 0.45" in child.content
    assert child.attachments


async def test_a_form_that_was_open_at_a_restart_is_taken_all_the_same(world: World) -> None:
    form = await opened(world, await world.drawn())
    await world.restart()

    child = await world.delivered(await filled(world, form, "a green apple"))

    assert (await world.generation(child)).recipe.prompt == "a green apple"
    assert len(world.posts()) == 2


async def test_the_picture_of_a_grid_that_was_shown_is_the_one_that_is_used(world: World) -> None:
    grid = await world.drawn(count=4)
    shown = (await world.press(world.ann, grid, "Show 3")).response
    assert shown is not None

    await world.delivered(await filled(world, await opened(world, shown), "a green apple"))

    assert world.worker.requests[-1].inputs == (world.file(shown),)


@pytest.mark.parametrize("strength", ["much", "0.6 ca.", "nan", ".", "0x1"])
async def test_a_strength_that_is_no_number_is_told_and_nothing_is_queued(world: World, strength: str) -> None:
    form = await opened(world, await world.drawn())

    sentence = world.refusal(await filled(world, form, "a green apple", strength))

    assert sentence == refusal_texts.wrong_value("strength", strength, input_texts.STRENGTH_HINT)
    assert len(world.worker.requests) == 1


@pytest.mark.parametrize("strength", ["0", "1.5"])
async def test_a_strength_out_of_range_is_told_and_nothing_is_queued(world: World, strength: str) -> None:
    form = await opened(world, await world.drawn())

    sentence = world.refusal(await filled(world, form, "a green apple", strength))

    assert sentence == refusal_texts.out_of_range("strength", float(strength), 0.05, 1)
    assert len(world.worker.requests) == 1


async def test_a_form_for_pictures_deleted_meanwhile_says_so(world: World) -> None:
    message = await world.drawn()
    shown = await world.drawn(count=2)
    copy = (await world.press(world.ann, shown, "Show 1")).response
    assert copy is not None
    form = await opened(world, copy)
    await world.press(world.ann, shown, "Delete")

    assert world.refusal(await filled(world, form, "a green apple")) == button_texts.GENERATION_DELETED
    assert [post.id for post in world.posts()] == [message.id, copy.id]


async def test_a_form_of_a_version_that_is_gone_is_answered(world: World) -> None:
    form = await opened(world, await world.drawn())
    modal = form._interaction.modal
    assert modal is not None
    modal["custom_id"] = "easel:remix:aaaaaaaaaa:0"

    assert world.refusal(await filled(world, form, "a green apple")) == input_texts.FORM_UNREADABLE


async def test_the_same_form_twice_is_one_job_and_another_prompt_is_another(world: World) -> None:
    message = await world.drawn()
    forms = [await opened(world, message) for _ in range(3)]
    world.worker.hold()

    first = await filled(world, forms[0], "a green apple")
    again = await filled(world, forms[1], "a green apple")
    other = await filled(world, forms[2], "a yellow apple")

    assert world.refusal(again) == button_texts.ALREADY_UNDER_WAY
    world.worker.release()
    await world.delivered(first)
    await world.delivered(other)
    assert len(world.posts()) == 3


async def test_zooming_out_puts_the_picture_into_the_middle_of_its_frame(world: World) -> None:
    parent = await world.drawn(seed="7")

    child = await world.delivered(await world.press(world.ann, parent, "Zoom out"))

    old, new = await world.generation(parent), await world.generation(child)
    start = new.recipe.init_image
    assert start is not None
    assert (start.fit, start.placed) == ("pad", Placement(24, 24, 80, 80))
    assert (new.recipe.width, new.recipe.height) == (old.recipe.width, old.recipe.height)
    assert new.recipe.images != (ImageSeed(7),)
    assert world.worker.requests[-1].inputs == (world.file(parent),)


@pytest.mark.parametrize(
    ("label", "left", "top"), [("Pan ←", 64, 0), ("Pan →", -64, 0), ("Pan ↑", 0, 64), ("Pan ↓", 0, -64)]
)
async def test_panning_moves_the_frame_by_half_of_itself(world: World, label: str, left: int, top: int) -> None:
    parent = await world.drawn()

    child = await world.delivered(await world.press(world.ben, parent, label))

    new = await world.generation(child)
    assert new.recipe.init_image is not None
    assert new.recipe.init_image.placed == Placement(left, top, 128, 128)
    assert new.user_id == world.ben.id
    assert world.labels(child)[-5:] == AROUND


async def test_a_picture_can_be_panned_again_and_again(world: World) -> None:
    message = await world.drawn()
    for label in AROUND:
        message = await world.delivered(await world.press(world.ann, message, label))
    assert len(world.posts()) == 6


async def test_what_was_upscaled_is_panned_at_the_size_it_had_before(world: World) -> None:
    await world.moderator.slash(world.channel, "admin limits set", largest_side=512)
    grown = await world.delivered(await world.press(world.ann, await world.drawn(size="192x128"), "Upscale x2"))
    assert "384x256" in grown.content

    child = await world.delivered(await world.press(world.ann, grown, "Pan →"))

    assert "192x128" in child.content


async def test_a_wider_picture_is_rerolled_from_the_same_picture_after_a_restart(world: World) -> None:
    parent = await world.drawn()
    wider = await world.delivered(await world.press(world.ann, parent, "Pan ←"))
    await world.restart()

    again = await world.delivered(await world.press(world.ann, wider, "Reroll"))

    assert (await world.generation(again)).recipe.init_image == (await world.generation(wider)).recipe.init_image
    assert world.worker.requests[-1].inputs == (world.file(parent),)


async def test_a_wider_picture_whose_own_picture_was_deleted_is_not_rerolled(world: World) -> None:
    parent = await world.drawn()
    wider = await world.delivered(await world.press(world.ann, parent, "Pan ←"))
    await world.press(world.ann, parent, "Delete")

    assert world.refusal(await world.press(world.ann, wider, "Reroll")) == input_texts.INPUT_MISSING
    assert len(world.worker.requests) == 2


@pytest.mark.parametrize("label", ["Use as input", *AROUND])
async def test_a_picture_past_retention_is_not_started_from(world: World, label: str) -> None:
    message = await world.drawn()
    await world.store.forget_pictures(-86_400)

    assert world.refusal(await world.press(world.ann, message, label)) == button_texts.NO_SUCH_PICTURE


@pytest.mark.parametrize("label", AROUND)
async def test_a_double_click_is_one_job(world: World, label: str) -> None:
    message = await world.drawn()
    world.worker.hold()

    first = await world.press(world.ann, message, label)
    second = await world.press(world.ann, message, label)

    assert world.refusal(second) == button_texts.ALREADY_UNDER_WAY
    world.worker.release()
    await world.delivered(first)
    assert len(world.posts()) == 2


@pytest.mark.parametrize("label", ["Use as input", *AROUND])
async def test_every_button_works_after_a_restart(world: World, label: str) -> None:
    message = await world.drawn()
    await world.restart()

    result = await world.press(world.ann, message, label)

    if label == "Use as input":
        assert result.modal is not None
    else:
        assert (await world.delivered(result)).attachments


async def test_a_form_that_is_none_of_ours_is_left_to_whoever_opened_it(world: World) -> None:
    form = await opened(world, await world.drawn())
    modal = form._interaction.modal
    assert modal is not None
    modal["custom_id"] = "0123456789abcdef"

    assert not (await filled(world, form, "a green apple")).acknowledged
