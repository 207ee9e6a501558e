"""Tell the bot's owner, in a direct message, of trouble, of its end, and of what happened to the files."""

from __future__ import annotations

import logging

import discord
from discord.ext import tasks

from bot.interactions import handling
from bot.interactions.rejections import NOT_TAKEN
from bot.interactions.sending import NO_MENTIONS
from bot.texts import notices as texts
from bot.usecases.watch import News, TroubleBegan, Watch

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0


class OwnerNotices:
    """Looks at the engine now and then. Nothing that goes wrong here hurts the bot: it is logged.

    Args:
        client: writes the messages.
        watch: says what the owner is to be told.
    """

    def __init__(self, client: discord.Client, watch: Watch) -> None:
        self._client = client
        self._watch = watch

    def start(self) -> None:
        """Begin to look. The client must be logged in."""
        self._look.start()

    def stop(self) -> None:
        """Look no more."""
        self._look.cancel()

    @tasks.loop(seconds=LOOK_EVERY_S)
    async def _look(self) -> None:
        try:
            match self._watch.look():
                case TroubleBegan(sentences):
                    await self._tell(texts.trouble(sentences))
                case News(sentences):
                    await self._tell(texts.news(sentences))
                case None:
                    pass
                case _:
                    await self._tell(texts.ALL_WELL)
        except Exception as error:
            handling.log_fault("a notice to the owner", error)

    async def _tell(self, text: str) -> None:
        owner_id = self._owner_id()
        if owner_id is None:
            log.warning("Nobody is told, because the application has no owner: %s", text)
            return
        try:
            channel = await self._client.create_dm(discord.Object(owner_id))
            await channel.send(text, allowed_mentions=NO_MENTIONS)
        except NOT_TAKEN as error:
            log.warning("The owner could not be told (%s): %s", error, text)

    def _owner_id(self) -> int | None:
        application = self._client.application
        if application is None:
            return None
        return application.team.owner_id if application.team else application.owner.id
