"""The buttons that draw what lies around a picture: zoom out and pan."""

from __future__ import annotations

from typing import cast

from bot.interactions.answers import Late
from bot.interactions.identity import member_of, place_of
from bot.texts import inputs as texts
from bot.views.press import ID, INDEX, Button, Field, Host, Interaction
from engine.api import Direction

OUTPAINT_ROW = 2


def _direction(text: str) -> Direction:
    return cast(Direction, text)


class ZoomOut(Button, action="zoom", late=Late.PUBLIC):
    """Draws more around a picture on all sides."""

    generation_id = Field(ID, str)
    index = Field(INDEX, int)
    label = texts.ZOOM_OUT

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Accept the wider picture as a job of the member who pressed."""
        generation = await host.usecases.img2img.zoom_out(
            member_of(interaction), place_of(interaction), self.generation_id, self.index
        )
        await host.delivery.begin(interaction, generation)


class Pan(Button, action="pan", late=Late.PUBLIC):
    """Draws what lies beside a picture."""

    generation_id = Field(ID, str)
    index = Field(INDEX, int)
    direction = Field("|".join(texts.PAN), _direction)

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Accept the moved picture as a job of the member who pressed."""
        generation = await host.usecases.img2img.pan(
            member_of(interaction), place_of(interaction), self.generation_id, self.index, self.direction
        )
        await host.delivery.begin(interaction, generation)


def outpaint_buttons(generation_id: str, index: int) -> list[Button]:
    """Return a row of them."""
    pans = [Pan(generation_id, index, to, label=label, row=OUTPAINT_ROW) for to, label in texts.PAN.items()]
    return [ZoomOut(generation_id, index, row=OUTPAINT_ROW), *pans]
