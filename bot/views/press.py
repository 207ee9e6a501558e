"""What every button shares: where it finds the bot's use cases, and who answers when it cannot be obeyed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

import discord

from bot.delivery.tracker import Delivery
from bot.interactions.answers import Late
from bot.interactions.handling import answer_error, watch
from bot.usecases import Usecases

# The form of the ids in the ledger, wide enough for those of years to come.
GENERATION_ID = r"(?P<id>[a-z0-9]{4,32})"
INDEX = r"(?P<index>[0-9])"

Button = discord.ui.Button[Any]
Item = TypeVar("Item", bound=discord.ui.DynamicItem[Any])


class Host(Protocol):
    """What a button needs of the client that received its press."""

    usecases: Usecases
    delivery: Delivery


def host_of(interaction: discord.Interaction[Any]) -> Host:
    """Return the client that received an interaction, as what it is here."""
    return cast(Host, interaction.client)


Action = Callable[[Item, discord.Interaction, Host], Awaitable[None]]
Callback = Callable[[Item, discord.Interaction[Any]], Coroutine[Any, Any, None]]


def pressed(late: Late) -> Callable[[Action[Item]], Callback[Item]]:
    """Make an action the callback of a button, and answer what it raises, which discord.py would only log.

    Args:
        late: what stands in for an answer that is late.
    """

    def decorated(action: Action[Item]) -> Callback[Item]:
        @wraps(action)
        async def callback(self: Item, interaction: discord.Interaction[Any]) -> None:
            watch(interaction, late)
            try:
                await action(self, interaction, host_of(interaction))
            except Exception as error:
                await answer_error(interaction, error)

        return callback

    return decorated
