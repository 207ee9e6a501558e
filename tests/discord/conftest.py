"""A fake Discord on loopback, and a studio in it where the bot draws."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import discord as library
import pytest

from engine.executors.fake import FakeExecutor
from tests.discord.easel import Studio, connected
from tests.discord.server import FakeDiscord


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    """A Discord without anything in it."""
    async with FakeDiscord() as opened:
        yield opened
        assert opened.mistakes == []


@pytest.fixture
async def studio(tmp_path: Path, discord: FakeDiscord) -> AsyncIterator[Studio]:
    """A server in which the bot has just started."""
    state = discord.state
    guild = state.new_guild("Studio")
    state.new_channel(guild, "art")
    moderators = state.new_role(guild, "Moderators", library.Permissions(manage_guild=True))
    ann, ben = (state.new_member(guild, state.new_user(name)) for name in ("ann", "ben"))
    moderator = state.new_member(guild, state.new_user("mod"), moderators)
    worker = FakeExecutor()
    async with connected(tmp_path, discord, [worker]) as easel:
        yield Studio(discord, easel, worker, ann, ben, moderator)
