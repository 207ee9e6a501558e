"""Files that fit what the server takes, also for a job that an earlier process began."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import discord
import pytest
from PIL import Image

from bot.texts import buttons as button_texts
from bot.texts import generation as generation_texts

if TYPE_CHECKING:
    from tests.bot.conftest import World

TEN_MIB = 10 * 2**20


def take_files_up_to(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every server take files of so many bytes."""
    monkeypatch.setattr(discord.Guild, "filesize_limit", property(lambda guild: limit))


async def test_a_request_says_what_the_server_takes(world: World) -> None:
    await world.drawn()

    assert [request.max_file_bytes for request in world.worker.requests] == [TEN_MIB]


async def test_a_picture_that_fits_is_a_png_and_nothing_is_said(world: World) -> None:
    message = await world.drawn()

    assert message.attachments[0].filename.endswith(".png")
    assert "Sent as" not in message.content


@pytest.mark.parametrize(("count", "limit"), [(1, 1), (3, 1200)])
async def test_a_picture_that_is_too_large_comes_in_another_form_and_that_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch, count: int, limit: int
) -> None:
    take_files_up_to(limit, monkeypatch)

    message = await world.drawn(count=count)

    (attachment,) = message.attachments
    ending = attachment.filename.rpartition(".")[2]
    assert ending in generation_texts.SENT_AS
    assert message.content.endswith(generation_texts.SENT_AS[ending])
    assert Image.open(BytesIO(world.file(message))).format == {"webp": "WEBP", "jpg": "JPEG"}[ending]


async def test_a_single_picture_shown_from_a_grid_says_its_own_form(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_files_up_to(1, monkeypatch)
    message = await world.drawn(count=2)

    shown = (await world.press(world.ann, message, "Show 2")).response

    assert shown is not None
    assert shown.attachments[0].filename.endswith("-2.jpg")
    assert generation_texts.SENT_AS["jpg"] in shown.content


async def test_a_picture_that_the_server_no_longer_takes_is_not_shown_and_that_is_said(world: World) -> None:
    grid = await world.drawn(count=2)
    world.env.inject_error("POST", "/interactions/*/callback", status=413, code=40005)

    assert world.refusal(await world.press(world.ann, grid, "Show 1")) == button_texts.SHOWN_TOO_LARGE


async def test_a_job_taken_up_after_a_restart_keeps_to_the_limit_of_its_server(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.worker.hold()
    result = await world.imagine()
    await world.worker.held()
    take_files_up_to(77, monkeypatch)

    await world.restart()
    world.worker.release()
    await world.settled(result)

    assert world.worker.requests[-1].max_file_bytes == 77


async def test_a_limit_that_discord_does_not_tell_is_taken_to_be_the_least(world: World) -> None:
    world.worker.hold()
    result = await world.imagine()
    await world.worker.held()
    world.env.inject_error("GET", "/guilds/*", status=500, times=None)

    await world.restart()
    world.worker.release()
    await world.settled(result)

    assert world.worker.requests[-1].max_file_bytes == TEN_MIB


async def test_a_picture_in_another_form_can_be_upscaled_and_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_files_up_to(1, monkeypatch)
    message = await world.drawn("a red apple", size="64x64", seed="7")

    upscaled = await world.delivered(await world.press(world.ann, message, "Upscale x2"))
    read = await world.ann.slash(world.channel, "recipe", picture=("apple.jpg", world.file(message)))

    assert upscaled.attachments
    assert read.response is not None
    assert "a red apple" in read.response.content
