"""Fetch what a member uploaded, within bounds, while the interaction is already answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import discord

from bot.interactions.errors import UserError
from bot.interactions.handling import answer_to
from bot.interactions.identity import key_of
from bot.storage import StorageError
from bot.texts import inputs as texts
from bot.usecases.answering import Answering
from bot.usecases.init_images import STRENGTH, UploadedInitImage, check_strength
from engine.api import MAX_INPUT_BYTES, BadInput

TIMEOUT_S = 30.0


def check_uploads(
    image: discord.Attachment | None, strength: float | None, fit: str | None, mask: discord.Attachment | None
) -> None:
    """Refuse what can be refused before anything is fetched.

    Raises:
        UserError: an option that only means something with a picture.
        OutOfRange: the strength.
        BadInput: a file is too large.
    """
    if image is None:
        for name, value in (("strength", strength), ("fit", fit), ("mask", mask)):
            if value is not None:
                raise UserError(texts.IMAGE_NEEDED[name])
    if strength is not None:
        check_strength(strength)
    for upload in (image, mask):
        if upload is not None and upload.size > MAX_INPUT_BYTES:
            raise BadInput("too_large", MAX_INPUT_BYTES)


async def fetch_start(
    image: discord.Attachment, strength: float | None, fit: str | None, mask: discord.Attachment | None
) -> UploadedInitImage:
    """Return what was uploaded.

    Raises:
        UserError: Discord did not give it.
        BadInput: there is more of it than Discord said.
    """
    return UploadedInitImage(
        image=await fetch(image),
        strength=STRENGTH if strength is None else strength,
        fit=fit or "crop",
        mask=None if mask is None else await fetch(mask),
    )


async def fetch(upload: discord.Attachment, timeout_s: float = TIMEOUT_S) -> bytes:
    """Return a file's bytes; one that is too large is not asked for.

    Raises:
        UserError: it did not come, or not in time.
        BadInput: it is too large, or there is more of it than Discord said.
    """
    if upload.size > MAX_INPUT_BYTES:
        raise BadInput("too_large", MAX_INPUT_BYTES)
    try:
        async with asyncio.timeout(timeout_s):
            data = await upload.read()
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise UserError(texts.NOT_FETCHED) from error
    if len(data) > MAX_INPUT_BYTES:
        raise BadInput("too_large", MAX_INPUT_BYTES)
    return data


@asynccontextmanager
async def answered_first(interaction: discord.Interaction, answering: Answering) -> AsyncIterator[None]:
    """Answer at once, since Discord waits three seconds; the job's message takes the place of this one.

    If the block raises, whoever words the error takes it away and tells the member alone; if the bot dies, the next one
    does. If the ledger is slow, what is said in time is Discord's own, and goes by itself.
    """
    answer, key = answer_to(interaction), key_of(interaction)
    await answering.begun(key)
    await answer.stand_in(texts.LOOKING)
    try:
        yield
    except Exception:
        await answer.withdraw()
        with suppress(StorageError):  # then it is forgotten when its time is over
            await answering.over(key)
        raise
