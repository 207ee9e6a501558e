"""Buttons whose whole state is in their `custom_id`, so that they work after a restart and a year later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import discord

from bot.domain.records import Generation
from bot.views.builder import Build
from bot.views.forms import sent_off
from bot.views.img2img import UseAsInput
from bot.views.outpaint import Pan, ZoomOut
from bot.views.recipes import Run, RunFile
from bot.views.results import Delete, Reroll, Show, Upscale, Vary, result_view
from bot.views.running import Cancel, waiting_view
from bot.views.series import DrawAll, Withdraw
from bot.views.unreadable import Unreadable

BUTTONS: tuple[type[discord.ui.DynamicItem[Any]], ...] = (
    Cancel,
    Show,
    Vary,
    Upscale,
    UseAsInput,
    ZoomOut,
    Pan,
    Reroll,
    Delete,
    DrawAll,
    Withdraw,
    Build,
    Run,
    RunFile,
    Unreadable,
)


class GenerationButtons:
    """Builds the buttons under a generation's message, for `bot.delivery.tracker`."""

    def waiting(self, generation: Generation) -> discord.ui.View:
        """Return what may be pressed while the job is not over."""
        return waiting_view(generation)

    def result(self, generation: Generation, indexes: Sequence[int]) -> discord.ui.View:
        """Return what may be pressed under the pictures of these indexes."""
        return result_view(generation, indexes)


__all__ = ["BUTTONS", "GenerationButtons", "sent_off"]
