"""/imagine with a picture to start from, from the upload to the pictures."""

from __future__ import annotations

import hashlib
import io
import struct
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from bot.domain.records import JobState
from bot.texts import buttons as button_texts
from bot.texts import inputs as input_texts
from bot.texts import refusals as refusal_texts
from engine.api import MAX_INPUT_BYTES, Fault, InputNotJudged, InputWithheld
from engine.executors.fake import FakePlan

if TYPE_CHECKING:
    from simcord.results import InteractionResult

    from tests.bot.conftest import World

DAY_S = 86_400


def file_of(width: int = 64, height: int = 64, form: str = "PNG", colour: int = 200, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (colour, 40, 40)).save(buffer, form, **options)
    return buffer.getvalue()


APPLE, MASK = file_of(), file_of(colour=255)


def kept(world: World) -> set[bytes]:
    """What is kept of what was handed in, whole or not."""
    return {path.read_bytes() for path in (world.data_dir / "inputs").rglob("*") if path.is_file()}


def told(world: World, result: InteractionResult) -> str:
    """Return the sentence that the member alone was told after the first answer went."""
    assert result.response is None
    (sentence,) = result.followups
    assert sentence.ephemeral
    assert world.posts() == []
    return sentence.content


async def test_a_picture_becomes_another_and_its_bytes_reach_the_engine(world: World) -> None:
    message = await world.drawn("a green apple", image=("apple.png", APPLE), strength=0.5, fit="pad")

    start = (await world.generation(message)).recipe.init_image
    assert start is not None
    assert (start.sha256, start.strength, start.fit) == (hashlib.sha256(APPLE).hexdigest(), 0.5, "pad")
    assert world.worker.requests[-1].inputs == (APPLE,)
    assert [post.id for post in world.posts()] == [message.id]
    assert message.attachments
    assert kept(world) == {APPLE}


async def test_what_is_left_out_is_a_strength_of_0_6_and_cropping(world: World) -> None:
    start = (await world.generation(await world.drawn(image=("apple.png", APPLE)))).recipe.init_image

    assert start is not None
    assert (start.strength, start.fit, start.mask) == (0.6, "crop", "")


async def test_the_first_answer_comes_before_the_picture_is_fetched(world: World) -> None:
    read_meanwhile: list[str] = []

    class Watched(dict[str, bytes]):
        """A file store that notes what is to be read in the channel when a file is asked for."""

        def get(self, url: str, default: Any = None) -> Any:
            read_meanwhile.extend(post.content for post in world.posts())
            return super().get(url, default)

    world.env.backend.cdn._blobs = Watched()

    message = await world.drawn(image=("apple.png", APPLE))

    assert read_meanwhile == [input_texts.LOOKING]
    assert [post.id for post in world.posts()] == [message.id]
    assert input_texts.LOOKING not in message.content


async def test_a_mask_goes_with_its_picture(world: World) -> None:
    message = await world.drawn(image=("apple.png", APPLE), mask=("mask.png", MASK))

    start = (await world.generation(message)).recipe.init_image
    assert start is not None
    assert start.mask == hashlib.sha256(MASK).hexdigest()
    assert set(world.worker.requests[-1].inputs) == {APPLE, MASK}


@pytest.mark.parametrize(
    ("width", "height", "size"), [(300, 310, "128x128"), (300, 500, "128x192"), (1600, 900, "192x128")]
)
async def test_without_a_size_the_offered_one_most_like_the_picture_is_drawn(
    world: World, width: int, height: int, size: str
) -> None:
    assert size in (await world.drawn(image=("apple.png", file_of(width, height)))).content


async def test_a_size_that_was_chosen_wins_over_the_pictures_shape(world: World) -> None:
    assert "128x128" in (await world.drawn(image=("apple.png", file_of(300, 500)), size="square")).content


async def test_a_phones_picture_is_measured_as_it_is_seen(world: World) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    message = await world.drawn(image=("apple.jpg", file_of(400, 300, "JPEG", exif=exif)))

    assert "128x192" in message.content


def huge() -> bytes:
    """A PNG whose header tells 12000x12000 pixels."""
    return APPLE[:16] + struct.pack(">II", 12_000, 12_000) + APPLE[24:]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>'
WRONG = {
    "several prompts": ({"prompt": "a {red, green} apple", "image": ("a.png", APPLE)}, input_texts.ONE_PROMPT),
    "svg": ({"image": ("a.svg", SVG)}, input_texts.INPUT_UNREADABLE),
    "svg called png": ({"image": ("a.png", SVG)}, input_texts.INPUT_UNREADABLE),
    "gif": ({"image": ("a.gif", file_of(form="GIF"))}, input_texts.INPUT_UNREADABLE),
    "nothing": ({"image": ("a.png", b"")}, input_texts.INPUT_UNREADABLE),
    "truncated png": ({"image": ("a.png", APPLE[: len(APPLE) // 2])}, input_texts.INPUT_UNREADABLE),
    "truncated jpeg": ({"image": ("a.jpg", file_of(form="JPEG")[:-20])}, input_texts.INPUT_UNREADABLE),
    "12000x12000": ({"image": ("a.png", huge())}, input_texts.input_has_too_many_pixels(50_000_000)),
    "mask of another size": (
        {"image": ("a.png", APPLE), "mask": ("m.png", file_of(32, 64))},
        input_texts.MASK_SIZE,
    ),
    "mask that is none": ({"image": ("a.png", APPLE), "mask": ("m.png", SVG)}, input_texts.INPUT_UNREADABLE),
}


@pytest.mark.parametrize(("options", "sentence"), WRONG.values(), ids=WRONG)
async def test_a_bad_picture_is_refused_before_anything_is_queued_or_kept(
    world: World, options: dict[str, Any], sentence: str
) -> None:
    result = await world.imagine(**options)

    assert told(world, result) == sentence
    assert kept(world) == set()
    assert world.worker.requests == []
    assert await world.used_today(world.ann) == 0


SURELY_WRONG = {
    "over 20 MB": ({"image": ("a.png", APPLE + bytes(MAX_INPUT_BYTES))}, input_texts.input_too_large(MAX_INPUT_BYTES)),
    "mask without image": ({"mask": ("m.png", MASK)}, input_texts.IMAGE_NEEDED["mask"]),
    "strength without image": ({"strength": 0.5}, input_texts.IMAGE_NEEDED["strength"]),
    "fit without image": ({"fit": "pad"}, input_texts.IMAGE_NEEDED["fit"]),
    "strength 0": ({"image": ("a.png", APPLE), "strength": 0.0}, refusal_texts.out_of_range("strength", 0, 0.05, 1)),
    "strength 2": ({"image": ("a.png", APPLE), "strength": 2.0}, refusal_texts.out_of_range("strength", 2, 0.05, 1)),
}


@pytest.mark.parametrize(("options", "sentence"), SURELY_WRONG.values(), ids=SURELY_WRONG)
async def test_what_is_wrong_by_its_options_alone_is_refused_without_fetching(
    world: World, options: dict[str, Any], sentence: str
) -> None:
    assert world.refusal(await world.imagine(**options)) == sentence
    assert kept(world) == set()
    assert world.worker.requests == []


async def test_a_picture_that_discord_lost_is_told_and_nothing_is_queued(world: World) -> None:
    class Empty(dict[str, bytes]):
        """A file store that keeps nothing."""

        def __setitem__(self, url: str, data: bytes) -> None: ...

    world.env.backend.cdn._blobs = Empty()

    assert told(world, await world.imagine(image=("apple.png", APPLE))) == input_texts.NOT_FETCHED
    assert world.worker.requests == []


async def test_a_request_over_the_limits_keeps_nothing_of_what_was_handed_in(world: World) -> None:
    await world.moderator.slash(world.channel, "admin limits set", pictures_per_day=0)

    sentence = told(world, await world.imagine(image=("apple.png", APPLE)))

    assert "Drawing is not open to you" in sentence
    assert kept(world) == set()


async def test_a_picture_that_the_gate_holds_back_is_told_and_not_kept(world: World) -> None:
    world.worker.plan = lambda request: FakePlan(fail=InputWithheld())

    message = await world.drawn(image=("apple.png", APPLE))

    assert input_texts.INPUT_BLOCKED in message.content
    assert message.attachments == []
    assert kept(world) == set()
    assert await world.used_today(world.ann) == 0


async def test_a_picture_that_the_gate_holds_back_is_taken_from_every_generation(world: World) -> None:
    earlier = await world.drawn(image=("apple.png", APPLE))
    world.worker.plan = lambda request: FakePlan(fail=InputWithheld())

    await world.drawn(image=("apple.png", APPLE))

    assert kept(world) == set()
    assert world.refusal(await world.press(world.ann, earlier, "Reroll")) == input_texts.INPUT_MISSING


async def test_a_picture_that_could_not_be_judged_stays_with_those_who_need_it(world: World) -> None:
    await world.drawn(image=("apple.png", APPLE))
    world.worker.plan = lambda request: FakePlan(fail=InputNotJudged(Fault.DETECTOR_BROKE, "broken"))
    world.faults_are_expected = True

    await world.drawn(image=("apple.png", APPLE), mask=("mask.png", MASK))

    assert kept(world) == {APPLE}


async def test_a_cancelled_request_keeps_nothing(world: World) -> None:
    world.worker.hold()
    result = await world.imagine(image=("apple.png", APPLE))
    assert result.response is not None
    await world.worker.held()

    await world.press(world.ann, result.response, "Cancel")
    await world.settled(result)

    assert kept(world) == set()


@pytest.mark.parametrize("label", ["Reroll", "Vary strong"])
async def test_after_a_restart_a_picture_from_a_picture_is_drawn_again_from_it(world: World, label: str) -> None:
    message = await world.drawn(image=("apple.png", APPLE), mask=("mask.png", MASK))
    await world.restart()

    child = await world.delivered(await world.press(world.ben, message, label))

    assert child.attachments
    assert set(world.worker.requests[-1].inputs) == {APPLE, MASK}
    parent_recipe = (await world.generation(message)).recipe
    assert (await world.generation(child)).recipe.init_image == parent_recipe.init_image


async def test_a_request_that_was_waiting_at_a_restart_is_drawn_from_its_picture(world: World) -> None:
    world.worker.hold()
    result = await world.imagine(image=("apple.png", APPLE))
    await world.worker.held()

    await world.restart()
    world.worker.release()
    message = await world.delivered(result)

    assert message.attachments
    assert world.worker.requests[-1].inputs == (APPLE,)


async def test_deleting_takes_away_what_was_handed_in_unless_another_generation_needs_it(world: World) -> None:
    message = await world.drawn(image=("apple.png", APPLE))
    child = await world.delivered(await world.press(world.ben, message, "Reroll"))

    await world.press(world.ann, message, "Delete")
    assert kept(world) == {APPLE}
    await world.press(world.ben, child, "Delete")

    assert kept(world) == set()


async def test_a_reroll_of_what_is_past_retention_says_so_at_once(world: World) -> None:
    message = await world.drawn(image=("apple.png", APPLE))
    await world.store.forget_pictures(-DAY_S)
    assert kept(world) == set()

    for label in ("Reroll", "Vary subtle"):
        assert world.refusal(await world.press(world.ann, message, label)) == input_texts.INPUT_MISSING

    assert len(world.worker.requests) == 1
    assert (await world.generation(message)).state is JobState.DELIVERED


async def test_a_double_click_on_reroll_of_a_picture_from_a_picture_is_one_job(world: World) -> None:
    message = await world.drawn(image=("apple.png", APPLE))
    world.worker.hold()

    first = await world.press(world.ann, message, "Reroll")
    second = await world.press(world.ann, message, "Reroll")

    assert world.refusal(second) == button_texts.ALREADY_UNDER_WAY
    world.worker.release()
    await world.delivered(first)
    assert len(world.worker.requests) == 2


async def test_a_picture_of_easels_own_that_is_handed_in_outlives_its_generation(world: World) -> None:
    drawn = await world.drawn()
    picture = world.file(drawn)
    message = await world.drawn(image=("easel.png", picture))
    await world.press(world.ann, drawn, "Delete")

    await world.delivered(await world.press(world.ann, message, "Reroll"))

    assert world.worker.requests[-1].inputs == (picture,)
