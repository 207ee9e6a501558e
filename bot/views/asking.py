"""Where every new request is answered: with the message of its pictures, or with what several prompts would cost."""

from __future__ import annotations

from typing import Any

import discord

from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of, place_of
from bot.texts import series as texts
from bot.usecases.imagine import Ask
from bot.usecases.terms import Terms
from bot.views.press import Host
from bot.views.series import offer_view


async def draw(
    interaction: discord.Interaction[Any], host: Host, ask: Ask, press: str | None = None, terms: Terms | None = None
) -> None:
    """Accept a request for one prompt, or offer to draw the several that its braces stand for.

    Args:
        interaction: asks.
        host: the client.
        ask: for what.
        press: names what was pressed or submitted; None for a command.
        terms: what the caller knows to hold; None to ask now.

    Raises:
        Refusal, Refused, Unavailable: nothing was accepted or offered.
    """
    member = member_of(interaction)
    offer = await host.usecases.series.offer(member, ask, terms)
    if offer is None:
        generation = await host.usecases.imagine.accept(member, place_of(interaction), ask, press, terms)
        await host.delivery.begin(interaction, generation)
        return
    await answer_to(interaction).tell(texts.offer(offer), view=offer_view(offer))
