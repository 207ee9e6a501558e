"""The buttons that draw what lies around a picture: zoom out and pan."""

from __future__ import annotations

import re
from typing import Any, Self, cast

import discord

from bot.interactions.answers import Late
from bot.interactions.identity import member_of, place_of
from bot.texts import inputs as texts
from bot.views.press import GENERATION_ID, INDEX, Button, Host, pressed
from engine.api import Direction

OUTPAINT_ROW = 2


class ZoomOut(discord.ui.DynamicItem[Button], template=rf"easel:zoom:{GENERATION_ID}:{INDEX}"):
    """Draws more around a picture on all sides."""

    def __init__(self, generation_id: str, index: int) -> None:
        custom_id = f"easel:zoom:{generation_id}:{index}"
        super().__init__(Button(label=texts.ZOOM_OUT, custom_id=custom_id, row=OUTPAINT_ROW))
        self.generation_id = generation_id
        self.index = index

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(match["id"], int(match["index"]))

    @pressed(Late.PUBLIC)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Accept the wider picture as a job of the member who pressed."""
        generation = await host.usecases.img2img.zoom_out(
            member_of(interaction), place_of(interaction), self.generation_id, self.index
        )
        await host.delivery.begin(interaction, generation)


class Pan(discord.ui.DynamicItem[Button], template=rf"easel:pan:{GENERATION_ID}:{INDEX}:(?P<to>left|right|up|down)"):
    """Draws what lies beside a picture."""

    def __init__(self, generation_id: str, index: int, direction: Direction) -> None:
        custom_id = f"easel:pan:{generation_id}:{index}:{direction}"
        super().__init__(Button(label=texts.PAN[direction], custom_id=custom_id, row=OUTPAINT_ROW))
        self.generation_id = generation_id
        self.index = index
        self.direction = direction

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(match["id"], int(match["index"]), cast(Direction, match["to"]))

    @pressed(Late.PUBLIC)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Accept the moved picture as a job of the member who pressed."""
        generation = await host.usecases.img2img.pan(
            member_of(interaction), place_of(interaction), self.generation_id, self.index, self.direction
        )
        await host.delivery.begin(interaction, generation)


def outpaint_buttons(generation_id: str, index: int) -> list[discord.ui.DynamicItem[Button]]:
    """Return a row of them."""
    directions = cast(tuple[Direction, ...], tuple(texts.PAN))
    return [ZoomOut(generation_id, index), *(Pan(generation_id, index, direction) for direction in directions)]
