"""What is offered to a member who types into an option: in time, or nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any

from discord import app_commands

from bot.interactions.answers import Interaction
from bot.interactions.handling import handling_of

log = logging.getLogger(__name__)

Typed = int | float | str
"""What members may type, as discord.py has it."""
Choices = list[app_commands.Choice[Typed]]


def offered_in_time(
    offer: Callable[[Any, Interaction, str], Coroutine[Any, Any, Choices]],
) -> Callable[[Any, Interaction, Typed], Coroutine[Any, Any, Choices]]:
    """Make an autocomplete offer nothing if it is late or fails; members may type what they like."""

    @wraps(offer)
    async def offer_in_time(option: Any, interaction: Interaction, current: Typed) -> Choices:
        offering = asyncio.create_task(offer(option, interaction, str(current)))
        # It is not cancelled: what it waits for cannot be hurried.
        offering.add_done_callback(_fault_of)
        await asyncio.wait([offering], timeout=handling_of(interaction).first_answer_s())
        return offering.result() if offering.done() and _fault_of(offering) is None else []

    return offer_in_time


def _fault_of(offering: asyncio.Task[Choices]) -> BaseException | None:
    with suppress(asyncio.CancelledError):
        if error := offering.exception():
            log.warning("Nothing could be offered: %s", error)
            return error
        return None
    return asyncio.CancelledError()
