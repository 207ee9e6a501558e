"""The answer to a press that no button understands: a forged id, or a button of a version that is gone."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.interactions import handling
from bot.interactions.answers import Late
from bot.texts import buttons as button_texts
from bot.views.press import Button, Host, pressed

_PICTURE = "show:{0}:[0-9]|vary:{0}:[0-9]:(?:subtle|strong)|upscale:{0}:[0-9]:[24]"
_AROUND = "input:{0}:[0-9]|zoom:{0}:[0-9]|pan:{0}:[0-9]:(?:left|right|up|down)"
_OFFER = "build|draw:{0}|withdraw:{0}"
_RUN = "run:{0}(?::[0-9])?|run-file"
_READABLE = f"{_OFFER}|cancel:{{0}}|reroll:{{0}}|delete:{{0}}|{_PICTURE}|{_AROUND}|{_RUN}".format("[a-z0-9]{4,32}")


class Unreadable(discord.ui.DynamicItem[Button], template=rf"easel:(?!(?:{_READABLE})\Z).*"):
    """Every custom_id of ours that is none of the known forms."""

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Wrap whatever was pressed."""
        return cls(item)  # type: ignore[arg-type]

    @pressed(Late.PRIVATE)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Say so."""
        await handling.tell(interaction, button_texts.UNREADABLE_BUTTON)
