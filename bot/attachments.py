"""Fetch what a member attached, within bounds."""

from __future__ import annotations

import asyncio

import aiohttp
import discord

from bot.usecases.refusals import NotFetched
from engine.api import MAX_INPUT_BYTES, BadInput

TIMEOUT_S = 30.0


async def fetch(attachment: discord.Attachment) -> bytes:
    """Return a file's bytes; one that is too large is not asked for.

    Raises:
        BadInput: it is too large.
        NotFetched: it did not come, or not in time.
    """
    if attachment.size > MAX_INPUT_BYTES:
        raise BadInput("too_large", MAX_INPUT_BYTES)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await attachment.read()
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise NotFetched from error
