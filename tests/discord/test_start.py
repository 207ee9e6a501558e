"""How the bot starts and stops: with a Discord that is not there yet, and by signals."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import discord as library
import pytest

from bot.app import open_app, run, stay_online
from bot.settings import Settings, load_settings
from engine.executors.fake import FakeExecutor
from tests.discord.gateway import Gateway
from tests.discord.server import TOKEN, FakeDiscord
from tests.discord.state import PATIENCE_S
from tests.discord.values import Member


@pytest.fixture
def ann(discord: FakeDiscord) -> Member:
    """A member of a server that has a channel."""
    guild = discord.state.new_guild("Studio")
    discord.state.new_channel(guild, "art")
    return discord.state.new_member(guild, discord.state.new_user("ann"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"EASEL_DATA_DIR": str(tmp_path), "DISCORD_TOKEN": TOKEN})


def has_identified(times: int, gateway: Gateway) -> bool:
    return gateway.identified >= times


@asynccontextmanager
async def staying_online(settings: Settings, sleep: Callable[[float], object]) -> AsyncIterator[asyncio.Task[None]]:
    """Keep a bot online, and let `sleep` know of each pause, which takes no time."""

    async def pause(seconds: float) -> None:
        sleep(seconds)
        await asyncio.sleep(0)

    async with open_app(settings, executors=[FakeExecutor()]) as app:
        staying = asyncio.create_task(stay_online(app.build_bot, TOKEN, pause))
        try:
            yield staying
        finally:
            staying.cancel()
            with suppress(asyncio.CancelledError, library.LoginFailure):
                await staying


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/users/@me", 503),
        ("GET", "/users/@me", 500),
        ("GET", "/users/@me", 403),
        ("GET", "/gateway/bot", 503),
        ("PUT", "*/commands", 502),
    ],
)
async def test_a_discord_that_is_out_of_order_is_waited_for_with_growing_pauses(
    discord: FakeDiscord,
    ann: Member,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    status: int,
) -> None:
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 4:
            trouble.lift()

    with discord.as_discord():
        trouble = discord.fail(method, path, status, times=None)
        async with staying_online(settings, pause):
            await discord.gateway.until(lambda it: it.identified == 1)
            asked = await discord.command(ann, "imagine", prompt="a red apple")
            await asked.message.until(lambda it: bool(it.pictures))

    assert paused == [1.0, 2.0, 4.0, 8.0]
    said = [record.getMessage() for record in caplog.records if record.name == "bot.app"]
    assert len(said) == len(paused)
    for line, seconds in zip(said, paused, strict=True):
        assert line.startswith("Discord does not let the bot in")
        assert line.endswith(f"The next try is in {seconds:g} s.")


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://discord.invalid"])
async def test_a_discord_that_cannot_be_reached_is_waited_for(
    discord: FakeDiscord, settings: Settings, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    paused: list[float] = []
    with discord.as_discord():
        there = library.http.Route.BASE
        monkeypatch.setattr("discord.http.Route.BASE", address)

        def pause(seconds: float) -> None:
            paused.append(seconds)
            if len(paused) == 12:
                monkeypatch.setattr("discord.http.Route.BASE", there)

        async with staying_online(settings, pause):
            await discord.gateway.until(lambda it: it.identified == 1)

    assert paused == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0, 300.0]


async def test_a_job_from_before_is_drawn_once_discord_is_back(
    discord: FakeDiscord, ann: Member, settings: Settings
) -> None:
    worker = FakeExecutor()
    worker.hold()
    with discord.as_discord():
        first = asyncio.create_task(run(settings, executors=[worker]))
        await discord.gateway.until(lambda it: it.identified == 1)
        asked = await discord.command(ann, "imagine", prompt="a red apple")
        await worker.held()
        os.kill(os.getpid(), signal.SIGTERM)
        await first
        worker.release()
        discord.drop("GET", "/users/@me", times=1)
        again = asyncio.create_task(run(settings, executors=[worker]))
        await asked.message.until(lambda it: bool(it.pictures))
        os.kill(os.getpid(), signal.SIGTERM)
        await again
    assert discord.state.posts() == [asked.message]


async def test_a_token_that_is_refused_ends_the_bot_at_once(discord: FakeDiscord, settings: Settings) -> None:
    paused: list[float] = []
    with discord.as_discord():
        discord.fail("GET", "/users/@me", 401)
        async with staying_online(settings, paused.append) as staying:
            with pytest.raises(library.LoginFailure):
                await asyncio.wait_for(asyncio.shield(staying), PATIENCE_S)
            assert paused == []


async def test_ten_sigterms_in_a_row_during_one_long_job_and_it_is_delivered_in_the_end(
    discord: FakeDiscord, ann: Member, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    worker = FakeExecutor()
    with discord.as_discord():
        for number in range(10):
            worker.hold(at_step=2)
            running = asyncio.create_task(run(settings, executors=[worker]))
            await discord.gateway.until(partial(has_identified, number + 1))
            if number == 0:
                asked = await discord.command(ann, "imagine", prompt="a red apple")
            await worker.held()
            os.kill(os.getpid(), signal.SIGTERM)
            await running
        worker.release()
        running = asyncio.create_task(run(settings, executors=[worker]))
        await asked.message.until(lambda it: bool(it.pictures))
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    assert [request.alone for request in worker.requests] == [False] * 11
    assert discord.state.posts() == [asked.message]


async def test_a_hangup_changes_nothing(discord: FakeDiscord, ann: Member, settings: Settings) -> None:
    before = signal.getsignal(signal.SIGHUP)
    worker = FakeExecutor()
    worker.hold()
    with discord.as_discord():
        running = asyncio.create_task(run(settings, executors=[worker]))
        await discord.gateway.until(lambda it: it.identified == 1)
        asked = await discord.command(ann, "imagine", prompt="a red apple")
        await worker.held()
        os.kill(os.getpid(), signal.SIGHUP)
        worker.release()
        await asked.message.until(lambda it: bool(it.pictures))
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    assert signal.getsignal(signal.SIGHUP) is before
