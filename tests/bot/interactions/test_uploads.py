"""Fetching what was handed in: bounded in bytes and in time, and a sentence where it fails."""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast

import discord
import pytest

from bot.interactions.errors import UserError
from bot.interactions.uploads import fetch
from bot.texts import inputs as texts
from engine.api import MAX_INPUT_BYTES, BadInput


class Attachment:
    """What Discord hands over, after the test's own fashion."""

    size = 1

    def __init__(self, gives: bytes | Exception | None) -> None:
        self.gives = gives
        self.size = 0

    async def read(self) -> bytes:
        if self.gives is None:
            await asyncio.Event().wait()
        if isinstance(self.gives, Exception):
            raise self.gives
        return cast(bytes, self.gives)


async def fetched(gives: bytes | Exception | None, **options: Any) -> bytes:
    return await fetch(cast(discord.Attachment, Attachment(gives)), **options)


async def test_a_file_that_discord_does_not_give_in_time_is_given_up() -> None:
    with pytest.raises(UserError, match=re.escape(texts.NOT_FETCHED)):
        await fetched(None, timeout_s=0.0)


@pytest.mark.parametrize("fault", [discord.DiscordException("gone"), OSError("no route")])
async def test_a_fault_of_discord_or_the_network_is_told_as_such(fault: Exception) -> None:
    with pytest.raises(UserError, match=re.escape(texts.NOT_FETCHED)):
        await fetched(fault)


async def test_more_bytes_than_were_announced_are_refused() -> None:
    with pytest.raises(BadInput) as refused:
        await fetched(bytes(MAX_INPUT_BYTES + 1))
    assert refused.value.reason == "too_large"
