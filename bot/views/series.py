"""The buttons under an offer to draw several prompts. What they stand for is remembered until the bot stops."""

from __future__ import annotations

import discord

from bot.interactions.answers import Late
from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of, place_of
from bot.texts import series as texts
from bot.usecases.series import Offer
from bot.views.press import ID, Button, Field, Host, Interaction, view_of


class DrawAll(Button, action="draw", late=Late.UNSEEN):
    """Has every prompt of an offer drawn, each in a message of its own."""

    offer_id = Field(ID, str)
    style = discord.ButtonStyle.primary

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Accept all of them, or none; the offer becomes a line without buttons."""
        place = place_of(interaction, is_answer=False)
        generations = await host.usecases.series.accept(member_of(interaction), place, self.offer_id)
        await answer_to(interaction).rewrite(texts.accepted(len(generations)))
        for generation in generations:
            await host.delivery.begin(interaction, generation, one_more=True)


class Withdraw(Button, action="withdraw", late=Late.UNSEEN):
    """Takes an offer back."""

    offer_id = Field(ID, str)
    label = texts.CANCEL

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Forget it."""
        host.usecases.series.withdraw(member_of(interaction), self.offer_id)
        await answer_to(interaction).rewrite(texts.WITHDRAWN)


def offer_view(offer: Offer) -> discord.ui.View:
    """Return what may be pressed under an offer."""
    return view_of(DrawAll(offer.id, label=texts.draw(len(offer.prompts))), Withdraw(offer.id))
