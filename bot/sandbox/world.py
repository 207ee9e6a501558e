"""The server that the sandbox shows: one channel, two members, a moderator, and the bot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from bot.app import open_app, run_until, stop_signals
from bot.sandbox.live_page import installed_simcord, open_live_page, require_pinned
from bot.settings import Settings

T = TypeVar("T")

SETTLE_TIMEOUT_S = 30.0
BOT = "Easel"
MEMBERS = ("mia", "tom")
MODERATOR = "olga"


class _Parking:
    """Tells simcord which of the bot's waits are for the engine, so that a command counts as answered meanwhile."""

    def __init__(self) -> None:
        self.env: Any = None

    async def __call__(self, awaitable: Awaitable[T], /) -> T:
        result: T = await self.env.external_wait(awaitable, reason="engine")
        return result


async def run_sandbox(settings: Settings, port: int, announce: Callable[[str], None]) -> None:
    """Serve the sandbox on loopback until SIGINT, SIGTERM, or the page's own end button.

    Args:
        settings: as for the real bot; its data folder should be a passing one, as the server in it is.
        port: of the page; 0 for a free one.
        announce: called once with the page's address when it can be opened.

    Raises:
        SandboxUnavailable: simcord is missing or another release, or the port is taken.
    """
    require_pinned(installed_simcord())
    with stop_signals() as stop:
        async with open_world(settings) as env:
            channel, viewers = _populate(env)
            async with open_live_page(env, channel, viewers, port) as page:
                announce(page.url)
                await run_until(stop, page.wait_closed())


@asynccontextmanager
async def open_world(settings: Settings, executors: Sequence[Any] | None = None) -> AsyncIterator[Any]:
    """Run the bot in an empty Discord; yields simcord's environment.

    Args:
        settings: as for the real bot.
        executors: the engine's workers; None for those of the settings.
    """
    import simcord

    parking = _Parking()
    async with open_app(settings, park=parking, sleep=real_sleep, executors=executors) as app:
        parking.env = env = simcord.Env(
            app.build_bot(), shard_count=1, settle_timeout=SETTLE_TIMEOUT_S, check_errors=False
        )
        env.backend.edit_bot_profile(BOT)
        await env.start()
        try:
            yield env
        finally:
            await env.shutdown()


async def real_sleep(seconds: float) -> None:
    """Sleep in a thread, since simcord lets the timers of the bot's own tasks stand still."""
    await asyncio.to_thread(time.sleep, seconds)


def _populate(env: Any) -> tuple[Any, tuple[Any, ...]]:
    import discord

    guild = env.create_guild("Studio")
    channel = guild.create_text_channel("drawing", topic="Type /imagine and what you would like to see.")
    moderators = guild.create_role("moderators", permissions=discord.Permissions(manage_guild=True))
    members = [guild.add_member(env.create_user(name)) for name in MEMBERS]
    moderator = guild.add_member(env.create_user(MODERATOR), roles=[moderators])
    return channel, (*members, moderator)
