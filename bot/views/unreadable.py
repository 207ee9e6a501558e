"""The answer to a press that no button understands: a forged id, or a button of a version that is gone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Self

import discord

from bot.interactions import handling
from bot.interactions.answers import Late
from bot.texts import buttons as button_texts
from bot.views.press import PREFIX, Button, Host, Interaction, Pressable

_GROUP_NAME = re.compile(r"\?P<\w+>")


def template_beside(buttons: Iterable[type[Button]]) -> re.Pattern[str]:
    """Return what matches every id of ours that none of the buttons reads."""
    patterns = (button.__discord_ui_compiled_template__.pattern for button in buttons)
    readable = "|".join(_GROUP_NAME.sub("?:", pattern) for pattern in patterns)
    return re.compile(rf"(?!(?:{readable})\Z){PREFIX}:.*", re.DOTALL)


def unreadable_beside(buttons: Iterable[type[Button]]) -> type[Pressable]:
    """Return the class that answers for all ids of ours but those of the buttons."""

    class Unreadable(Pressable, template=template_beside(buttons)):
        late = Late.PRIVATE

        @classmethod
        async def from_custom_id(
            cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
        ) -> Self:
            return cls(item)  # type: ignore[arg-type]

        async def press(self, interaction: Interaction, host: Host) -> None:
            await handling.tell(interaction, button_texts.UNREADABLE_BUTTON)

    return Unreadable
