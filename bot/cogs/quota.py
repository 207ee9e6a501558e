"""/quota: what a member may still ask for."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.interactions import handling
from bot.interactions.identity import member_of
from bot.texts import quota as quota_texts
from bot.usecases import Usecases


class QuotaCommand(commands.Cog):
    """The command that shows a member theirs."""

    def __init__(self, usecases: Usecases) -> None:
        self._usecases = usecases

    @app_commands.command(name="quota", description=quota_texts.QUOTA)
    @app_commands.guild_only()
    async def quota(self, interaction: discord.Interaction[Any]) -> None:
        """Show limits and usage."""
        limits, usage = await self._usecases.quota.of(member_of(interaction))
        await handling.tell(interaction, quota_texts.quota(limits, usage))
