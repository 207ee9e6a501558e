"""Buttons whose whole state is in their `custom_id`, so that they work after a restart and a year later."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

import discord

from bot.domain.records import Generation
from bot.views.forms import sent_off
from bot.views.press import Button, Pressable
from bot.views.results import result_view
from bot.views.running import waiting_view
from bot.views.unreadable import unreadable_beside

# A button of a module that nobody imports would be known to nobody.
for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)

READABLE = tuple(Button.__subclasses__())
BUTTONS: tuple[type[Pressable], ...] = (*READABLE, unreadable_beside(READABLE))


class GenerationButtons:
    """Builds the buttons under a generation's message, for `bot.delivery.tracker`."""

    def waiting(self, generation: Generation) -> discord.ui.View:
        """Return what may be pressed while the job is not over."""
        return waiting_view(generation)

    def result(self, generation: Generation, indexes: Sequence[int]) -> discord.ui.View:
        """Return what may be pressed under the pictures of these indexes."""
        return result_view(generation, indexes)


__all__ = ["BUTTONS", "READABLE", "GenerationButtons", "sent_off"]
