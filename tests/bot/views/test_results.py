from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.records import JobKind, JobState
from bot.texts import buttons as button_texts
from bot.usecases.variations import STRONG, SUBTLE
from engine.executors.fake import FakePlan

if TYPE_CHECKING:
    from simcord.results import ResponseMessage

    from tests.bot.conftest import World


async def test_reroll_draws_the_same_recipe_with_new_seeds_in_a_message_of_its_own(world: World) -> None:
    parent = await world.drawn("a red apple", seed="7", count=2)

    child = await world.delivered(await world.press(world.ann, parent, "Reroll"))

    old, new = await world.generation(parent), await world.generation(child)
    assert child.id != parent.id
    assert new.kind is JobKind.REROLL
    assert replace(new.recipe, images=old.recipe.images) == old.recipe
    assert len(new.recipe.images) == 2
    assert not set(new.recipe.images) & set(old.recipe.images)
    assert world.file(child) != world.file(parent)


async def test_a_reroll_is_for_whoever_pressed_and_counts_as_theirs(world: World) -> None:
    parent = await world.drawn(count=2)

    child = await world.delivered(await world.press(world.ben, parent, "Reroll"))

    assert (await world.generation(child)).user_id == world.ben.id
    assert world.ben.mention in child.content
    assert await world.used_today(world.ben) == 2
    assert await world.used_today(world.ann) == 2


@pytest.mark.parametrize(("label", "strength"), [("Vary subtle", SUBTLE), ("Vary strong", STRONG)])
async def test_varying_a_single_picture_moves_its_noise_by_that_much(world: World, label: str, strength: float) -> None:
    parent = await world.drawn(seed="7")

    child = await world.delivered(await world.press(world.ann, parent, label))

    images = (await world.generation(child)).recipe.images
    assert len(images) == 4
    assert {image.seed for image in images} == {7}
    assert {image.variations[0].strength for image in images} == {strength}


async def test_vary_under_a_grid_varies_the_picture_of_that_number_strongly(world: World) -> None:
    parent = await world.drawn(seed="7", count=4)

    child = await world.delivered(await world.press(world.ann, parent, "Vary 3"))

    image = (await world.generation(child)).recipe.images[0]
    assert image.seed == 9
    assert image.variations[0].strength == STRONG


async def test_variations_fit_into_what_one_request_may_have(world: World) -> None:
    parent = await world.drawn()
    await world.moderator.slash(world.channel, "admin limits set", pictures_per_request=2)

    child = await world.delivered(await world.press(world.ann, parent, "Vary subtle"))

    assert len((await world.generation(child)).recipe.images) == 2


async def test_show_posts_that_picture_at_full_size_for_everyone_with_its_own_buttons(world: World) -> None:
    single = world.file(await world.drawn(seed="8"))
    grid = await world.drawn(seed="7", count=4)

    result = await world.press(world.ben, grid, "Show 2")

    assert result.response is not None
    assert not result.ephemeral
    assert world.file(result.response) == single
    assert "seed 8" in result.response.content
    assert world.labels(result.response)[:6] == [
        "Vary subtle",
        "Vary strong",
        "Reroll",
        "Delete",
        "Upscale x2",
        "Upscale x4",
    ]


async def test_the_buttons_under_a_shown_picture_are_about_that_picture(world: World) -> None:
    grid = await world.drawn(seed="7", count=4)
    shown = (await world.press(world.ann, grid, "Show 2")).response
    assert shown is not None

    child = await world.delivered(await world.press(world.ann, shown, "Vary subtle"))

    assert {image.seed for image in (await world.generation(child)).recipe.images} == {8}


async def test_the_numbers_on_the_buttons_count_the_pictures_that_are_there(world: World) -> None:
    world.worker.plan = lambda request: FakePlan(block=frozenset({0}))
    grid = await world.drawn(seed="7", count=3)

    assert [label for label in world.labels(grid) if label.startswith("Show")] == ["Show 1", "Show 2"]
    assert "seeds 8, 9" in grid.content
    result = await world.press(world.ann, grid, "Show 1")

    assert result.response is not None
    assert "seed 8" in result.response.content


async def test_the_author_deletes_pictures_and_their_message(world: World) -> None:
    message = await world.drawn()
    generation = await world.generation(message)

    await world.press(world.ann, message, "Delete")

    assert world.posts() == []
    assert await state(world, generation.id) is JobState.DELETED
    assert await world.usecases.running_jobs.unsettled() == ()


async def test_a_moderator_deletes_anyones_pictures(world: World) -> None:
    message = await world.drawn()

    await world.press(world.moderator, message, "Delete")

    assert world.posts() == []


async def test_nobody_else_may_delete(world: World) -> None:
    message = await world.drawn()

    sentence = world.refusal(await world.press(world.ben, message, "Delete"))

    assert sentence == button_texts.NOT_ALLOWED["delete"]
    assert (await world.generation(message)).state is JobState.DELIVERED
    assert [post.id for post in world.posts()] == [message.id]


async def test_delete_under_a_shown_picture_takes_both_messages_away(world: World) -> None:
    grid = await world.drawn(count=4)
    shown = (await world.press(world.ben, grid, "Show 1")).response
    assert shown is not None

    await world.press(world.ann, shown, "Delete")

    assert world.posts() == []


async def test_delete_takes_away_a_copy_that_outlived_its_generation(world: World) -> None:
    grid = await world.drawn(count=2)
    copy = (await world.press(world.ann, grid, "Show 1")).response
    assert copy is not None
    await world.press(world.ann, grid, "Delete")
    assert [post.id for post in world.posts()] == [copy.id]

    sentence = world.refusal(await world.press(world.ben, copy, "Delete"))

    assert sentence == button_texts.GENERATION_DELETED
    assert world.posts() == []


@pytest.mark.parametrize("label", ["Vary subtle", "Vary strong", "Reroll", "Delete"])
async def test_a_button_that_outlived_its_generation_says_it_was_deleted(world: World, label: str) -> None:
    grid = await world.drawn(count=2)
    shown = [(await world.press(world.ann, grid, "Show 1")).response for _ in range(2)]
    assert shown[0] is not None
    assert shown[1] is not None
    await world.press(world.ann, shown[0], "Delete")

    sentence = world.refusal(await world.press(world.ann, shown[1], label))

    assert sentence == button_texts.GENERATION_DELETED
    assert await world.used_today(world.ann) == 2


@pytest.mark.parametrize("label", ["Reroll", "Vary 1"])
async def test_a_double_click_makes_one_job(world: World, label: str) -> None:
    parent = await world.drawn(count=2)
    world.worker.hold()

    first = await world.press(world.ann, parent, label)
    second = await world.press(world.ann, parent, label)

    assert world.refusal(second) == button_texts.ALREADY_UNDER_WAY
    world.worker.release()
    await world.delivered(first)
    assert len(world.worker.requests) == 2
    assert len(world.posts()) == 2


async def test_the_same_button_draws_again_once_the_first_press_is_over(world: World) -> None:
    parent = await world.drawn()

    for _ in range(2):
        await world.delivered(await world.press(world.ann, parent, "Reroll"))

    assert len(world.posts()) == 3


@pytest.mark.parametrize("label", ["Show 1", "Vary 1", "Reroll"])
async def test_an_old_button_of_a_denied_model_is_refused_with_the_reason(world: World, label: str) -> None:
    message = await world.drawn(count=2)
    await world.moderator.slash(world.channel, "admin models deny", model="pocket")

    sentence = world.refusal(await world.press(world.ann, message, label))

    assert "turned off the model pocket" in sentence
    assert len(world.posts()) == 1


async def test_a_press_over_the_pressers_quota_is_refused(world: World) -> None:
    message = await world.drawn(count=4)
    await world.moderator.slash(world.channel, "admin limits set", pictures_per_day=4)

    sentence = world.refusal(await world.press(world.ann, message, "Reroll"))

    assert "none left of 4 pictures" in sentence


@pytest.mark.parametrize("label", ["Show 1", "Vary 1", "Reroll", "Delete"])
async def test_every_button_works_after_a_restart(world: World, label: str) -> None:
    message = await world.drawn(count=2)
    await world.restart()

    result = await world.press(world.ann, message, label)

    assert not result.ephemeral
    if label == "Delete":
        assert world.posts() == []
    else:
        await world.delivered(result)
        assert len(world.posts()) == 2


FORGED = [
    ("easel:reroll:aaaaaaaaaa", button_texts.UNKNOWN_GENERATION),
    ("easel:delete:aaaaaaaaaa", button_texts.UNKNOWN_GENERATION),
    ("easel:cancel:aaaaaaaaaa", button_texts.UNKNOWN_GENERATION),
    ("easel:show:aaaaaaaaaa:0", button_texts.UNKNOWN_GENERATION),
    ("easel:vary:aaaaaaaaaa:0:subtle", button_texts.UNKNOWN_GENERATION),
    ("easel:vary:aaaaaaaaaa:0:0.99", button_texts.UNREADABLE_BUTTON),
    ("easel:upscale:aaaaaaaaaa:0:2", button_texts.UNKNOWN_GENERATION),
    ("easel:upscale:aaaaaaaaaa:0:8", button_texts.UNREADABLE_BUTTON),
    ("easel:show:aaaaaaaaaa:-1", button_texts.UNREADABLE_BUTTON),
    ("easel:input:aaaaaaaaaa:0", button_texts.UNKNOWN_GENERATION),
    ("easel:zoom:aaaaaaaaaa:0", button_texts.UNKNOWN_GENERATION),
    ("easel:pan:aaaaaaaaaa:0:left", button_texts.UNKNOWN_GENERATION),
    ("easel:pan:aaaaaaaaaa:0:out", button_texts.UNREADABLE_BUTTON),
    ("easel:reroll:'; DROP TABLE jobs", button_texts.UNREADABLE_BUTTON),
    ("easel:remix:aaaaaaaaaa", button_texts.UNREADABLE_BUTTON),
]


@pytest.mark.parametrize(("custom_id", "sentence"), FORGED, ids=[custom_id for custom_id, _ in FORGED])
async def test_a_forged_button_gets_a_sentence_and_changes_nothing(world: World, custom_id: str, sentence: str) -> None:
    message = await world.drawn()
    forge(world, message, custom_id)

    result = await world.ann.click(message, custom_id=custom_id)

    assert world.refusal(result) == sentence
    assert len(world.posts()) == 1


async def test_a_picture_that_never_was_cannot_be_shown(world: World) -> None:
    message = await world.drawn()
    custom_id = f"easel:show:{world.generation_id(message)}:3"
    forge(world, message, custom_id)

    assert world.refusal(await world.ann.click(message, custom_id=custom_id)) == button_texts.NO_SUCH_PICTURE


@pytest.mark.parametrize("action", ["reroll", "delete", "show", "vary"])
async def test_a_generation_of_another_server_is_unknown_here(world: World, action: str) -> None:
    message = await world.drawn()
    generation = await world.generation(message)
    custom_id = f"easel:{action}:{generation.id}" + {"show": ":0", "vary": ":0:subtle"}.get(action, "")
    elsewhere = world.env.create_guild("Elsewhere")
    channel = elsewhere.create_text_channel("art")
    stranger = elsewhere.add_member(world.ann.user)
    foreign = (await stranger.slash(channel, "imagine", prompt="a boat")).response
    assert foreign is not None
    world.env.backend.get_message(channel.id, foreign.id).components[0]["components"][0]["custom_id"] = custom_id

    result = await stranger.click(foreign, custom_id=custom_id)

    assert world.refusal(result) == button_texts.UNKNOWN_GENERATION
    assert await state(world, generation.id) is JobState.DELIVERED


def forge(world: World, message: ResponseMessage, custom_id: str) -> None:
    world.env.backend.get_message(world.channel.id, message.id).components[0]["components"][0]["custom_id"] = custom_id


async def state(world: World, generation_id: str) -> JobState:
    generation = await world.store.jobs.get(generation_id)
    assert generation is not None
    return generation.state
