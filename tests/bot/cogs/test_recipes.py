"""/recipe and "Read recipe": what a member reads of a picture, and what becomes of "Run it"."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bot.domain.records import JobKind, JobState
from bot.texts import buttons as button_texts
from bot.texts import inputs as input_texts
from bot.texts import recipes as texts
from bot.texts import refusals as refusal_texts
from engine.api import MAX_INPUT_BYTES, ImageSeed, Recipe, Variation
from engine.encoding import FileOptions, encode_picture

if TYPE_CHECKING:
    from simcord.results import InteractionResult, ResponseMessage

    from bot.domain.records import Generation
    from tests.bot.conftest import World

FOREIGN = (
    "a red apple, on a table\n"
    "Negative prompt: leaves\n"
    "Steps: 12, Sampler: DPM++ 2M, Schedule type: Uniform, CFG scale: 6.5, Seed: 41, Size: 128x192, "
    "Model hash: 6ce0161689, Model: pocket, Version: v1.9.4"
)


def picture(text: str | None = FOREIGN, form: str = "PNG") -> bytes:
    """Return a picture as another program writes it."""
    buffer = io.BytesIO()
    if form == "PNG":
        info = PngInfo()
        if text is not None:
            info.add_text("parameters", text)
        Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    else:
        exif = Image.Exif()
        exif[0x8769] = {0x9286: b"UNICODE\0" + (text or "").encode("utf-16-be")}
        Image.new("RGB", (8, 8)).save(buffer, form, exif=exif)
    return buffer.getvalue()


async def read(world: World, data: bytes, name: str = "picture.png") -> InteractionResult:
    return await world.ann.slash(world.channel, "recipe", picture=(name, data))


def answer(result: InteractionResult) -> ResponseMessage:
    """Return what only the member sees."""
    assert result.ephemeral
    assert result.response is not None
    return result.response


def said(result: InteractionResult) -> str:
    """Return a refusal, which comes without a button."""
    message = answer(result)
    assert message.components == []
    return message.content


async def run(world: World, result: InteractionResult) -> Generation:
    """Press "Run it" and return what came of it."""
    pressed = await world.press(world.ann, answer(result), "Run it")
    return await world.generation(await world.delivered(pressed))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
async def test_a_picture_of_another_program_is_read_and_drawn_again(world: World, form: str) -> None:
    result = await read(world, picture(form=form), f"picture.{form.lower()}")

    for fact in ("a red apple, on a table", "Without: leaves", "pocket · 128x192 · 12 steps · guidance 6.5", "seed 41"):
        assert fact in answer(result).content
    generation = await run(world, result)
    recipe = generation.recipe
    assert (recipe.prompt, recipe.negative_prompt) == ("a red apple, on a table", "leaves")
    assert (recipe.width, recipe.height, recipe.steps, recipe.guidance_scale) == (128, 192, 12, 6.5)
    assert (recipe.model, recipe.scheduler, recipe.images) == ("pocket", "DPM++ 2M", (ImageSeed(41),))
    assert (generation.state, generation.kind, generation.user_id) == (JobState.DELIVERED, JobKind.REROLL, world.ann.id)


async def test_our_own_file_draws_the_very_same_picture(world: World) -> None:
    message = await world.drawn(seed="7", negative_prompt="leaves", steps=9, clip_skip=2)
    original = await world.generation(message)

    generation = await run(world, await read(world, world.file(message)))

    assert generation.recipe == original.recipe
    assert generation.pictures[0].file_sha256 == original.pictures[0].file_sha256


async def test_a_variation_of_a_variation_comes_back_from_its_file(world: World) -> None:
    seed = ImageSeed(7, (Variation(1, 0.15), Variation(2, 0.4)))
    recipe = Recipe("pocket", "0", "a boat", "", 128, 128, 4, 4.5, "DPM++ 2M", (seed,))
    data, _ = encode_picture(Image.new("RGB", (8, 8)), FileOptions(recipe, 0))

    generation = await run(world, await read(world, data))

    assert generation.recipe == replace(recipe, model_revision="1")


async def test_what_cannot_be_had_here_gives_way_and_is_said(world: World) -> None:
    result = await read(
        world,
        picture(
            "an owl <lora:ink:0.8>\nSteps: 300, Sampler: Restart, CFG scale: 99, Seed: x, Size: 512x768, "
            "Model: dreamy, Denoising strength: 0.5"
        ),
    )

    content = answer(result).content
    for sentence in (
        "The model dreamy is not here, so pocket would draw it",
        "would be left out: ink.",
        "Steps 300 cannot be had from pocket here: 40 instead.",
        "Guidance 99 cannot be had from pocket here: 15 instead.",
        "Scheduler Restart cannot be had from pocket here: DPM++ 2M instead.",
        "Size 512x768 cannot be had from pocket here: 128x192 instead.",
        "It has no seed",
        "It started from another picture",
        "Could not be read and left out: Seed.",
    ):
        assert sentence in content
    recipe = (await run(world, result)).recipe
    assert (recipe.model, recipe.prompt, recipe.steps, str(recipe.width)) == ("pocket", "an owl", 40, "128")


async def test_run_it_works_after_a_restart(world: World) -> None:
    result = await read(world, picture())
    await world.restart()

    assert (await run(world, result)).recipe.images == (ImageSeed(41),)


async def test_run_it_asks_the_policy_of_the_moment(world: World) -> None:
    result = await read(world, picture())
    moderator = replace(world.member(world.moderator), may_moderate=True)
    await world.usecases.admin.deny(moderator, "pocket")

    refused = await world.press(world.ann, answer(result), "Run it")

    assert world.refusal(refused) == refusal_texts.model_denied("pocket", ("other",))


async def test_run_it_counts_against_the_quota(world: World) -> None:
    await run(world, await read(world, picture()))

    assert await world.used_today(world.ann) == 1


async def test_run_it_pressed_twice_is_one_job(world: World) -> None:
    result = await read(world, picture())
    world.worker.hold()
    await world.press(world.ann, answer(result), "Run it")

    again = await world.press(world.ann, answer(result), "Run it")
    world.worker.release()

    assert world.refusal(again) == button_texts.ALREADY_UNDER_WAY


async def test_where_no_model_is_allowed_the_values_come_without_a_button(world: World) -> None:
    moderator = replace(world.member(world.moderator), may_moderate=True)
    for model in ("pocket", "other"):
        await world.usecases.admin.deny(moderator, model)

    content = said(await read(world, picture(FOREIGN.replace("Model: pocket", "Model: dreamy"))))

    assert "a red apple" in content
    assert refusal_texts.NO_MODEL_ALLOWED in content


async def test_what_a_file_says_is_inert(world: World) -> None:
    text = "@everyone **x** https://evil.example\nSteps: 5, Sampler: `@here`, Seed: 1, Size: 128x128, Model: <@1>"

    content = answer(await read(world, picture(text))).content

    assert "@everyone" not in content
    assert "@here" not in content
    assert "<@1>" not in content
    assert "https://" not in content


@pytest.mark.parametrize(
    "data",
    [b"no picture", b"", picture()[:20], b"%PDF-1.7", b"\xff\xd8\xff\xe0"],
)
async def test_what_is_no_whole_picture_is_refused_with_what_to_do(world: World, data: bytes) -> None:
    assert said(await read(world, data)) == input_texts.INPUT_UNREADABLE


async def test_a_picture_that_says_nothing_is_answered_with_what_to_try(world: World) -> None:
    assert said(await read(world, picture(None))) == texts.NONE_IN_FILE
    assert said(await read(world, picture("a holiday"))) == texts.NONE_IN_FILE


async def test_a_text_that_unpacks_to_a_giant_counts_as_nothing(world: World) -> None:
    body = b"parameters\0\0" + zlib.compress(bytes(50 * 2**20), 9)
    bomb = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    plain = picture(None)

    assert said(await read(world, plain[:33] + bomb + plain[33:])) == texts.NONE_IN_FILE


async def test_a_file_that_is_too_large_is_not_even_fetched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Any] = []
    monkeypatch.setattr(world.env.backend.cdn, "get", fetched.append)

    result = await read(world, bytes(50 * 2**20))

    assert said(result) == input_texts.input_too_large(MAX_INPUT_BYTES)
    assert fetched == []


async def test_a_file_that_discord_does_not_give_is_said(world: World) -> None:
    world.env.backend.cdn.get = lambda url: None  # type: ignore[method-assign]

    assert said(await read(world, picture())) == input_texts.NOT_FETCHED


async def test_the_menu_of_a_grid_draws_all_its_pictures_again(world: World) -> None:
    message = await world.drawn(count=3, seed="7")
    original = await world.generation(message)

    result = await world.ben.context_menu(world.channel, texts.READ_RECIPE, message)
    pressed = await world.press(world.ben, answer(result), "Run it")
    generation = await world.generation(await world.delivered(pressed))

    assert "seeds 7, 8, 9" in answer(result).content
    assert (generation.recipe, generation.user_id, generation.parent_id) == (
        original.recipe,
        world.ben.id,
        original.id,
    )


async def test_the_menu_of_a_single_picture_draws_that_one(world: World) -> None:
    grid = await world.drawn(count=3, seed="7")
    shown = (await world.press(world.ann, grid, "Show 2")).response
    assert shown is not None

    result = await world.ann.context_menu(world.channel, texts.READ_RECIPE, shown)

    assert "seed 8" in answer(result).content
    assert (await run(world, result)).recipe.images == (ImageSeed(8),)


async def test_the_menu_reads_the_pictures_that_members_post(world: World) -> None:
    files = [("notes.txt", b"x"), ("plain.png", picture(None)), ("apple.png", picture())]
    message = await world.ben.send(world.channel, "look", attachments=files)

    result = await world.ann.context_menu(world.channel, texts.READ_RECIPE, message)

    assert (await run(world, result)).recipe.images == (ImageSeed(41),)


async def test_the_menu_of_a_message_without_pictures_says_what_it_is_for(world: World) -> None:
    message = await world.ben.send(world.channel, "hello", attachments=[("notes.txt", b"x")])

    assert said(await world.ann.context_menu(world.channel, texts.READ_RECIPE, message)) == texts.NO_PICTURE


async def test_the_menu_of_deleted_pictures_says_so(world: World) -> None:
    message = await world.drawn()
    generation = await world.generation(message)
    result = await world.ann.context_menu(world.channel, texts.READ_RECIPE, message)
    await world.usecases.deliver.delete(world.member(world.ann), generation.id)

    refused = await world.press(world.ann, answer(result), "Run it")

    assert world.refusal(refused) == button_texts.GENERATION_DELETED
