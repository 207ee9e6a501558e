"""The button under a job that is not over."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot import texts
from bot.checks import member_of
from bot.records import Generation
from bot.views.press import GENERATION_ID, Button, Host, pressed


class Cancel(discord.ui.DynamicItem[Button], template=rf"easel:cancel:{GENERATION_ID}"):
    """Ends a job. Its message is rewritten by whoever follows the job."""

    def __init__(self, generation_id: str) -> None:
        super().__init__(Button(label=texts.CANCEL, custom_id=f"easel:cancel:{generation_id}"))
        self.generation_id = generation_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(match["id"])

    @pressed
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Cancel the job, if the member may."""
        await host.usecases.draw.cancel(member_of(interaction), self.generation_id)
        await interaction.response.defer()


def waiting_view(generation: Generation) -> discord.ui.View:
    """Return what may be pressed while a job is not over."""
    view = discord.ui.View(timeout=None)
    view.add_item(Cancel(generation.id))
    return view
