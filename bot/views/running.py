"""The button under a job that is not over."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.domain.records import Generation, JobState
from bot.interactions.answers import Late
from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of
from bot.texts import buttons as button_texts
from bot.texts import cards
from bot.usecases.refusals import NotCancellable
from bot.views.press import GENERATION_ID, Button, Host, pressed


class Cancel(discord.ui.DynamicItem[Button], template=rf"easel:cancel:{GENERATION_ID}"):
    """Ends a job. Its message is rewritten by whoever follows the job."""

    def __init__(self, generation_id: str) -> None:
        super().__init__(Button(label=button_texts.CANCEL, custom_id=f"easel:cancel:{generation_id}"))
        self.generation_id = generation_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(match["id"])

    @pressed(Late.UNSEEN)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Cancel the job, if the member may."""
        member = member_of(interaction)
        try:
            await host.usecases.running_jobs.cancel(member, self.generation_id)
        except NotCancellable:
            if await _is_seen_to(interaction, host, await host.usecases.variations.find(member, self.generation_id)):
                raise
            return
        host.delivery.take_up(await host.usecases.variations.find(member, self.generation_id))
        await answer_to(interaction).accept()


async def _is_seen_to(interaction: discord.Interaction, host: Host, generation: Generation) -> bool:
    """Return whether the message of a job that is over says so, or will; else make it do so, as Discord did not let us.

    A press lets the bot rewrite what was pressed wherever it is.
    """
    pressed_id = interaction.message.id if interaction.message else None
    if host.delivery.take_up(generation) or (
        generation.state is JobState.DELIVERED and pressed_id == generation.message_id
    ):
        return True
    content = cards.shown_elsewhere(generation) if generation.state is JobState.DELIVERED else cards.over(generation)
    await answer_to(interaction).rewrite(content.text)
    return False


def waiting_view(generation: Generation) -> discord.ui.View:
    """Return what may be pressed while a job is not over."""
    view = discord.ui.View(timeout=None)
    view.add_item(Cancel(generation.id))
    return view
