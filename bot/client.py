"""The bot: which commands and buttons it has, what it takes up at start, and where errors go."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.cogs.admin import AdminCommands
from bot.cogs.generate import DrawCommands
from bot.cogs.help import HelpCommand
from bot.cogs.quota import QuotaCommand
from bot.cogs.recipes import RecipeCommands
from bot.delivery.owner_alerts import OwnerNotices
from bot.delivery.tracker import Delivery
from bot.interactions import sending
from bot.interactions.answers import Late
from bot.interactions.handling import LATE, Handling, answer_error, watch
from bot.storage import StorageError, Store
from bot.usecases import Usecases
from bot.views import BUTTONS, GenerationButtons, sent_off

log = logging.getLogger(__name__)

# Discord waits three seconds for the first answer.
FIRST_ANSWER_S = 1.5


class Tree(app_commands.CommandTree["EaselBot"]):
    """The commands; whatever one raises is answered by `bot.interactions.handling`."""

    async def on_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        """Answer the member."""
        await answer_error(interaction, error)

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Begin to watch over the answer to a command; autocompletes see to it themselves."""
        if interaction.type is discord.InteractionType.application_command:
            watch(
                interaction, interaction.command.extras.get(LATE, Late.PRIVATE) if interaction.command else Late.PRIVATE
            )
        return True


def fingerprint(tree: app_commands.CommandTree[Any], application_id: int | None) -> str:
    """Return a hash that changes when Discord must be told of the commands again."""
    told = sorted((command.to_dict(tree) for command in tree.get_commands()), key=lambda command: str(command["name"]))
    text = json.dumps([application_id, told], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class EaselBot(commands.AutoShardedBot):
    """The Discord client. Keeps no members and no messages; everything it must remember is in the ledger.

    Args:
        usecases: what members can do.
        store: remembers which commands Discord has been told of.
        clock: seconds that pass while work is done; spaces the progress edits.
        sleep: waits between attempts to deliver, in seconds.
        first_answer_s: says how many seconds the first answer to an interaction may take that comes now.
    """

    def __init__(
        self,
        usecases: Usecases,
        store: Store,
        *,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        first_answer_s: Callable[[], float] = lambda: FIRST_ANSWER_S,
    ) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=Tree,
            intents=discord.Intents(guilds=True),
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            allowed_mentions=sending.NO_MENTIONS,
        )
        self.usecases = usecases
        self.delivery = Delivery(self, usecases, GenerationButtons(), clock, sleep)
        self.handling = Handling(first_answer_s)
        self._notices = OwnerNotices(self, usecases.watch)
        self._store = store

    async def setup_hook(self) -> None:
        """Get ready before the first interaction can come, so that no job is both new and resumed."""
        for cog in (
            DrawCommands(self.usecases),
            QuotaCommand(self.usecases),
            HelpCommand(self.usecases),
            AdminCommands(self.usecases),
        ):
            await self.add_cog(cog)
        await self.add_cog(RecipeCommands(self.usecases, self.tree))
        self.add_dynamic_items(*BUTTONS)
        await self._sync_commands()
        await self.delivery.resume()
        self._notices.start()

    async def on_ready(self) -> None:
        """Go on with what could not be delivered while Discord was away."""
        await self.delivery.take_up_left()

    async def on_resumed(self) -> None:
        """Go on with what could not be delivered while Discord was away."""
        await self.delivery.take_up_left()

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Take our forms that were filled in; discord.py forgets at a restart which it has opened."""
        if interaction.type is discord.InteractionType.modal_submit:
            await sent_off(interaction, self)

    async def close(self) -> None:
        """Leave Discord. Jobs under way stay in the ledger for the next start."""
        self._notices.stop()
        await self.handling.stop()
        await self.delivery.close()
        await super().close()

    async def _sync_commands(self) -> None:
        commands_hash = fingerprint(self.tree, self.application_id)
        if commands_hash == await self._store.commands_hash():
            return
        await self.tree.sync()
        log.info("Discord was told of the commands")
        try:
            await self._store.set_commands_hash(commands_hash)
        except StorageError as error:
            log.warning("The next start tells Discord of the commands again: %s", error)
