"""The button under a job that is not over."""

from __future__ import annotations

import discord

from bot.domain.records import Generation, JobState
from bot.interactions.answers import Late
from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of
from bot.texts import buttons as button_texts
from bot.texts import cards
from bot.usecases.refusals import NotCancellable
from bot.views.press import ID, Button, Field, Host, Interaction, view_of


class Cancel(Button, action="cancel", late=Late.UNSEEN):
    """Ends a job. Its message is rewritten by whoever follows the job."""

    generation_id = Field(ID, str)
    label = button_texts.CANCEL

    async def press(self, interaction: Interaction, host: Host) -> None:
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


async def _is_seen_to(interaction: Interaction, host: Host, generation: Generation) -> bool:
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
    return view_of(Cancel(generation.id))
