"""The one message of a generation, wherever it can be reached: through its interaction, then through its channel."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import discord

from bot.domain.records import Generation, InteractionKey
from bot.interactions.identity import is_age_restricted
from bot.interactions.rejections import NOT_TAKEN, Remedy, remedy_for
from bot.interactions.sending import NO_MENTIONS, files_of
from bot.texts import cards
from bot.texts.cards import MessageContent

log = logging.getLogger(__name__)

# Discord ends an interaction's token after 15 minutes.
TOKEN_LIFE = timedelta(minutes=14)

# How far this machine's clock may be ahead of Discord's when a message is looked for.
CLOCKS_APART_S = 60.0
MOST_MESSAGES = 200


class _Original(int):
    """Stands for an interaction's answer where discord.py puts a message's id into an address."""

    def __format__(self, spec: str) -> str:
        return "@original"


ORIGINAL = _Original(0)
_GONE = (10003, 10004)


class Undeliverable(Exception):
    """No message can be put where the generation belongs. `code` says why, for the ledger."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Post:
    """Writes a generation's message, always the same one as long as it exists.

    Args:
        client: writes where the interaction's token cannot.
        generation: says where, and which message if there is one.
    """

    def __init__(self, client: discord.Client, generation: Generation) -> None:
        self.name = generation.id
        self.channel_id = generation.place.channel_id
        self.message_id = generation.message_id
        self._client = client
        self._user_id = generation.user_id
        self._guild_id = generation.place.guild_id
        self._key = generation.place.key
        self._token_is_slow = False
        self._thread_id: int | None = None  # of the thread that it was meant for
        # A message that this process does not know of is later than this, or says this.
        self._later_than = self._key.id if self._key else _snowflake(generation.accepted_at - CLOCKS_APART_S)
        self._unsure_of: str | None = None
        self._left: list[tuple[int, int]] = []  # messages that this one took the place of, and their channels

    @property
    def where(self) -> tuple[int, int | None]:
        """Channel and message, for the ledger."""
        return self.channel_id, self.message_id

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

    async def is_age_restricted(self) -> bool:
        """Return whether the channel is age-restricted at this moment; no, if Discord cannot say."""
        return is_age_restricted(await self._known_channel())

    async def show(self, content: MessageContent, view: discord.ui.View | None) -> discord.Message:
        """Rewrite the message, or send the first one.

        Raises:
            NOT_TAKEN: Discord did not take it.
        """
        if self._thread_id is not None:
            content = cards.from_thread(content, self._user_id, self._thread_id)
        if self.message_id is None:
            self.message_id = await self._find()
        if self.message_id is None:
            return await self._send(content, view)
        return await self._edit(self.message_id, content, view)

    async def upsert(self, content: MessageContent, view: discord.ui.View | None) -> discord.Message:
        """Rewrite the message for good, or send a new one if it is gone or never was. A preview does not stay on it.

        What Discord does not take is tried in the forms of `replies.plainer`, then as a new message; where nothing can
        be written, in the channel of the thread.

        Raises:
            Undeliverable: there is no place for it, or Discord will never take it.
            NOT_TAKEN: Discord did not take it; trying again may help.
        """
        whole = replace(content, keep_image=False)
        form, plainer = whole, list(cards.plainer(whole))
        buttons = view
        while True:
            try:
                message = await self.show(form, buttons)
                await self._sweep()
                return message
            except NOT_TAKEN as error:
                remedy = remedy_for(error)
                log.warning("The message of %s was not taken; what helps is %s: %s", self.name, remedy.name, error)
                if remedy is Remedy.SMALLER and form.image is not None:
                    whole = cards.without_picture(whole)
                    form, plainer, buttons = whole, list(cards.plainer(whole)), view
                elif remedy in (Remedy.PLAINER, Remedy.SMALLER) and plainer:
                    form, buttons = plainer.pop(0), None
                elif remedy in (Remedy.PLAINER, Remedy.SMALLER, Remedy.REPLACE) and self.message_id is not None:
                    self._leave(self.message_id)
                    form, plainer, buttons = whole, list(cards.plainer(whole)), view
                elif remedy in (Remedy.ELSEWHERE, Remedy.REPLACE):
                    if not await self._go_nearby():
                        raise Undeliverable(_why(error)) from error
                elif remedy in (Remedy.PLAINER, Remedy.SMALLER):
                    raise Undeliverable("refused_by_discord") from error
                else:
                    raise

    async def remove(self) -> bool:
        """Delete the message if it can be. Returns whether it is gone, or will never be."""
        try:
            if self.message_id is None:
                self.message_id = await self._find()
        except NOT_TAKEN as error:
            log.info("Whether there is a message of %s is not known: %s", self.name, error)
            return False
        if self.message_id is not None:
            self._leave(self.message_id)
        return await self._sweep()

    @property
    def _channel(self) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(self.channel_id, guild_id=self._guild_id)

    def _hook(self) -> discord.Webhook | None:
        """Return what writes by the interaction's token, while it can."""
        if self._key is None:
            return None
        if discord.utils.utcnow() - discord.utils.snowflake_time(self._key.id) >= TOKEN_LIFE:
            return None
        return hook_of(self._client, self._key)

    async def _edit(self, message_id: int, content: MessageContent, view: discord.ui.View | None) -> discord.Message:
        """Rewrite the message by whichever way is open: the token may do more than the bot, and the bot for longer.

        The token knows nothing of a message that was sent through the channel.
        """
        by_channel = self._channel.get_partial_message(message_id).edit
        ways = [by_channel]
        if hook := self._hook():
            ways.insert(len(ways) if self._token_is_slow else 0, partial(hook.edit_message, message_id))
        problems: list[BaseException] = []
        for edit in ways:
            try:
                return await edit(
                    content=content.text, view=view, allowed_mentions=NO_MENTIONS, **self._attachments(content)
                )
            except NOT_TAKEN as error:
                remedy = remedy_for(error)
                is_strange = remedy is Remedy.REPLACE and edit is not by_channel
                if remedy not in (Remedy.AGAIN, Remedy.CHANNEL, Remedy.ELSEWHERE) and not is_strange:
                    raise
                log.info("The message of %s was not written in one of two ways: %s", self.name, error)
                self._token_is_slow |= remedy is Remedy.AGAIN
                # What the channel says of it counts for more.
                problems.insert(0 if is_strange else len(problems), error)
        raise next((each for each in problems if remedy_for(each) is Remedy.AGAIN), problems[-1])

    async def _send(self, content: MessageContent, view: discord.ui.View | None) -> discord.Message:
        options: dict[str, Any] = {"view": view} if view else {}
        self._unsure_of = content.text
        message = await self._channel.send(
            content.text, files=files_of(content, self.name), allowed_mentions=NO_MENTIONS, **options
        )
        self._key = None  # it does not open this one
        self.message_id = message.id
        return message

    async def _find(self) -> int | None:
        """Return the message that is there without this process knowing of it: its writer died, or was not answered.

        Raises:
            NOT_TAKEN: whether there is one is not known.
        """
        if (hook := self._hook()) and self._key is not None and self._key.is_answer:
            try:
                return (await hook.fetch_message(ORIGINAL)).id
            except NOT_TAKEN as error:
                if remedy_for(error) is Remedy.AGAIN:
                    raise
                self._key = None
        try:
            async for message in self._channel.history(limit=MOST_MESSAGES, after=discord.Object(self._later_than)):
                if message.author == self._client.user and self._is_ours(message):
                    return message.id
        except NOT_TAKEN as error:
            if remedy_for(error) is Remedy.AGAIN:
                raise
            log.info("Whether there is a message of %s is not known: %s", self.name, error)
        return None

    def _is_ours(self, message: discord.Message) -> bool:
        rows = (row for row in message.components if isinstance(row, discord.ActionRow))
        ids = [(getattr(child, "custom_id", None) or "").split(":") for row in rows for child in row.children]
        carries_it = any(len(parts) > 2 and parts[2] == self.name for parts in ids)
        return carries_it or (not ids and message.content == self._unsure_of)

    def _leave(self, message_id: int) -> None:
        """Let a new message take the place of one that cannot be written, which goes when the new one is there."""
        self._left.append((self.channel_id, message_id))
        self._later_than = message_id
        self.message_id = self._key = None

    async def _go_nearby(self) -> bool:
        """Go on in the channel of a thread in which nothing can be written. Returns whether there is one.

        What was asked for in a private thread is for those who are in it.
        """
        channel = await self._known_channel()
        if not isinstance(channel, discord.Thread) or channel.is_private():
            return False
        if self.message_id is not None:
            self._leave(self.message_id)
        self._thread_id, self.channel_id = channel.id, channel.parent_id
        self._key = None
        return True

    async def _sweep(self) -> bool:
        """Delete the messages that were left. Returns whether they are gone, or will never be."""
        stay = []
        for channel_id, message_id in self._left:
            channel = self._client.get_partial_messageable(channel_id, guild_id=self._guild_id)
            try:
                await channel.get_partial_message(message_id).delete()
            except NOT_TAKEN as error:
                log.info("A message of %s stays: %s", self.name, error)
                if remedy_for(error) is Remedy.AGAIN:
                    stay.append((channel_id, message_id))
        self._left = stay
        return not stay

    async def _known_channel(self) -> object:
        channel: object = self._client.get_channel(self.channel_id)
        if channel is None:  # an archived thread, or a job that is resumed, before the gateway's word
            try:
                channel = await self._client.fetch_channel(self.channel_id)
            except (*NOT_TAKEN, discord.InvalidData) as error:
                log.info("The channel of %s is not known: %s", self.name, error)
        return channel

    def _attachments(self, content: MessageContent) -> dict[str, Any]:
        return {} if content.keep_image else {"attachments": files_of(content, self.name)}


def hook_of(client: discord.Client, key: InteractionKey) -> discord.Webhook:
    """Return what writes with an interaction's token."""
    assert client.application_id is not None
    hook = discord.Webhook.partial(client.application_id, key.token, client=client)
    hook.type = discord.WebhookType.application
    return hook


def _why(error: BaseException) -> str:
    is_gone = isinstance(error, discord.HTTPException) and (error.code in _GONE or error.status == 404)
    return "channel_gone" if is_gone else "channel_closed"


def _snowflake(timestamp: float) -> int:
    return discord.utils.time_snowflake(datetime.fromtimestamp(timestamp, UTC))
