"""The buttons under an offer to draw several prompts. What they stand for is remembered until the bot stops."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.interactions.answers import Late
from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of, place_of
from bot.texts import series as texts
from bot.usecases.series import Offer
from bot.views.press import GENERATION_ID, Button, Host, pressed


class DrawAll(discord.ui.DynamicItem[Button], template=rf"easel:draw:{GENERATION_ID}"):
    """Has every prompt of an offer drawn, each in a message of its own."""

    def __init__(self, offer_id: str, prompts: int = 0) -> None:
        label, style = texts.draw(prompts), discord.ButtonStyle.primary
        super().__init__(Button(label=label, style=style, custom_id=f"easel:draw:{offer_id}"))
        self.offer_id = offer_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(match["id"])

    @pressed(Late.UNSEEN)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Accept all of them, or none; the offer becomes a line without buttons."""
        place = place_of(interaction, is_answer=False)
        generations = await host.usecases.series.accept(member_of(interaction), place, self.offer_id)
        await answer_to(interaction).rewrite(texts.accepted(len(generations)))
        for generation in generations:
            await host.delivery.begin(interaction, generation, one_more=True)


class Withdraw(discord.ui.DynamicItem[Button], template=rf"easel:withdraw:{GENERATION_ID}"):
    """Takes an offer back."""

    def __init__(self, offer_id: str) -> None:
        super().__init__(Button(label=texts.CANCEL, custom_id=f"easel:withdraw:{offer_id}"))
        self.offer_id = offer_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(match["id"])

    @pressed(Late.UNSEEN)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Forget it."""
        host.usecases.series.withdraw(member_of(interaction), self.offer_id)
        await answer_to(interaction).rewrite(texts.WITHDRAWN)


def offer_view(offer: Offer) -> discord.ui.View:
    """Return what may be pressed under an offer."""
    view = discord.ui.View(timeout=None)
    view.add_item(DrawAll(offer.id, len(offer.prompts)))
    view.add_item(Withdraw(offer.id))
    return view
