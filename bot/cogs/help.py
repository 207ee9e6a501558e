"""/help: how to draw, a topic at a time."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of
from bot.interactions.options import Chosen, described
from bot.texts import help as texts
from bot.usecases import Usecases
from bot.views.builder import build_view


class HelpCommand(commands.Cog):
    """The command that explains the others."""

    def __init__(self, usecases: Usecases) -> None:
        self._usecases = usecases

    @app_commands.command(name="help", description=texts.HELP)
    @app_commands.guild_only()
    @described
    async def help(
        self,
        interaction: discord.Interaction[Any],
        topic: app_commands.Transform[str, Chosen(texts.HELP_TOPIC, texts.TOPICS)] = "start",
    ) -> None:
        """Show a topic, and the button of the prompt builder."""
        text = await self._text(topic, member_of(interaction).guild_id)
        await answer_to(interaction).tell(text, view=build_view())

    async def _text(self, topic: str, guild_id: int) -> str:
        match topic:
            case "styles":
                return texts.styles(self._usecases.imagine.styles)
            case "models":
                standings = await self._usecases.admin.models(guild_id)
                policy = await self._usecases.admin.policy(guild_id)
                return texts.models((each.info for each in standings if each.allowed), bool(policy.blocked_words))
        return texts.PAGES[topic]
