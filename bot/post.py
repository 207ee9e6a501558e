"""The one message of a generation, wherever it can be reached: through its interaction, then through its channel."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import discord

from bot.records import Generation
from bot.replies import NO_MENTIONS, NOT_TAKEN, Card

log = logging.getLogger(__name__)

# Discord ends an interaction's token after 15 minutes.
TOKEN_LIFE = timedelta(minutes=14)

_BAD_REQUEST = 400
_UNKNOWN_MESSAGE = 10008


class Undeliverable(Exception):
    """No message can be put where the generation belongs. `code` says why, for the ledger."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Post:
    """Writes a generation's message, always the same one as long as it exists.

    Args:
        client: writes where the token cannot.
        generation: says where, and which message if there is one.
        interaction: the one that asked for it, if this process received it.
    """

    def __init__(
        self, client: discord.Client, generation: Generation, interaction: discord.Interaction | None = None
    ) -> None:
        self.name = generation.id
        self._client = client
        self._guild_id = generation.place.guild_id
        self._channel = client.get_partial_messageable(generation.place.channel_id, guild_id=generation.place.guild_id)
        self.message_id = generation.message_id
        self._interaction = interaction
        self._one_more = False

    async def file_limit(self) -> int:
        """Return how many bytes a file may have where the message is; what any server takes if Discord cannot say."""
        guild = self._client.get_guild(self._guild_id)
        if guild is None:  # a job that is resumed comes before the gateway's word
            try:
                guild = await self._client.fetch_guild(self._guild_id)
            except NOT_TAKEN as error:
                log.info("How large files may be where %s belongs is not known: %s", self.name, error)
                return discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        return guild.filesize_limit

    async def respond(self, card: Card, view: discord.ui.View, *, one_more: bool = False) -> int:
        """Answer the interaction with the message, or make it of the answer it has, and return its id.

        Args:
            one_more: the interaction has its answer already, and this is one of several that follow.

        Raises:
            NOT_TAKEN: Discord did not take it; the interaction is of no more use.
        """
        assert self._interaction is not None
        interaction, self._interaction = self._interaction, None
        self._one_more = one_more
        if one_more:
            message = await interaction.followup.send(card.text, view=view, allowed_mentions=NO_MENTIONS, wait=True)
            message_id = message.id
        else:
            message_id = await _answer(interaction, card, view)
        self._interaction = interaction
        self.message_id = message_id
        return message_id

    async def show(self, card: Card, view: discord.ui.View | None) -> discord.Message:
        """Rewrite the message, or send the first one.

        Raises:
            NOT_TAKEN: Discord did not take it.
        """
        if self._interaction is not None:
            assert self.message_id is not None
            if message := await self._edit_by_token(self._interaction, self.message_id, card, view):
                return message
            self._interaction = None
        if self.message_id is None:
            return await self._send(card, view)
        return await self._channel.get_partial_message(self.message_id).edit(
            content=card.text, view=view, allowed_mentions=NO_MENTIONS, **self._attachments(card)
        )

    async def put(self, card: Card, view: discord.ui.View | None) -> discord.Message:
        """Rewrite the message for good, or send a new one if it is gone or never was. A preview does not stay on it.

        Raises:
            Undeliverable: the channel is gone, the bot may not write there, or Discord will never take this message.
            NOT_TAKEN: Discord did not take it; trying again may help.
        """
        card = replace(card, keep_image=False)
        try:
            try:
                return await self.show(card, view)
            except discord.NotFound as error:
                if error.code != _UNKNOWN_MESSAGE:
                    raise
                return await self._send(card, view)
        except discord.NotFound as error:
            raise Undeliverable("channel_gone") from error
        except discord.Forbidden as error:
            raise Undeliverable("channel_closed") from error
        except discord.HTTPException as error:
            if error.status == _BAD_REQUEST:
                raise Undeliverable("refused_by_discord") from error
            raise

    async def remove(self) -> bool:
        """Delete the message if it can be. Returns whether it is gone, or will never be."""
        if self.message_id is None:
            return True
        try:
            await self._channel.get_partial_message(self.message_id).delete()
        except NOT_TAKEN as error:
            log.info("The message of %s stays: %s", self.name, error)
            return isinstance(error, discord.NotFound | discord.Forbidden)
        return True

    async def _edit_by_token(
        self, interaction: discord.Interaction, message_id: int, card: Card, view: discord.ui.View | None
    ) -> discord.Message | None:
        if discord.utils.utcnow() - interaction.created_at >= TOKEN_LIFE:
            return None
        try:
            edit: Callable[..., Awaitable[discord.Message]] = (
                partial(interaction.followup.edit_message, message_id)
                if self._one_more
                else interaction.edit_original_response
            )
            return await edit(content=card.text, view=view, allowed_mentions=NO_MENTIONS, **self._attachments(card))
        except NOT_TAKEN as error:
            if isinstance(error, discord.NotFound) and error.code == _UNKNOWN_MESSAGE:
                raise
            log.info("The message of %s is written through its channel from now on: %s", self.name, error)
            return None

    async def _send(self, card: Card, view: discord.ui.View | None) -> discord.Message:
        files = card.files(self.name)
        message = await (
            self._channel.send(card.text, files=files, view=view, allowed_mentions=NO_MENTIONS)
            if view
            else self._channel.send(card.text, files=files, allowed_mentions=NO_MENTIONS)
        )
        self._interaction = None
        self.message_id = message.id
        return message

    def _attachments(self, card: Card) -> dict[str, Any]:
        return {} if card.keep_image else {"attachments": card.files(self.name)}


async def _answer(interaction: discord.Interaction, card: Card, view: discord.ui.View) -> int:
    """Answer an interaction, or rewrite the answer that it had at once. Returns the message's id."""
    if interaction.response.is_done():
        message = await interaction.edit_original_response(content=card.text, view=view, allowed_mentions=NO_MENTIONS)
        return message.id
    response = await interaction.response.send_message(card.text, view=view, allowed_mentions=NO_MENTIONS)
    assert response.message_id is not None
    return response.message_id
