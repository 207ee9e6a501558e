"""A fake Discord on loopback, and a studio in it where the bot draws."""

from __future__ import annotations

import logging
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
async def studio(tmp_path: Path, discord: FakeDiscord, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Studio]:
    """A server in which the bot has just started. No error may be in its log that the test does not expect."""
    state = discord.state
    guild = state.new_guild("Studio")
    state.new_channel(guild, "art")
    state.new_channel(guild, "cellar", is_age_restricted=True)
    moderators = state.new_role(guild, "Moderators", library.Permissions(manage_guild=True))
    ann, ben = (state.new_member(guild, state.new_user(name)) for name in ("ann", "ben"))
    moderator = state.new_member(guild, state.new_user("mod"), moderators)
    worker = FakeExecutor()
    async with connected(tmp_path, discord, [worker]) as easel:
        studio = Studio(discord, easel, worker, ann, ben, moderator)
        yield studio
    errors = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert studio.faults_are_expected or errors == []
