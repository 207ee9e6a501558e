"""The buttons under pictures: show, vary, upscale, reroll, delete."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal, Self

import discord

from bot.domain.records import Generation
from bot.interactions.answers import Late
from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of, place_of
from bot.interactions.rejections import NOT_TAKEN, Remedy, remedy_for
from bot.texts import buttons as button_texts
from bot.texts import cards
from bot.texts import upscaling as upscaling_texts
from bot.usecases.refusals import GenerationDeleted, PictureTooLarge
from bot.usecases.variations import STRONG, SUBTLE
from bot.views.img2img import UseAsInput
from bot.views.outpaint import outpaint_buttons
from bot.views.press import GENERATION_ID, INDEX, Button, Host, pressed

Strength = Literal["subtle", "strong"]
STRENGTHS: dict[str, float] = {"subtle": SUBTLE, "strong": STRONG}

SHOW_ROW, VARY_ROW, UPSCALE_ROW, LAST_ROW = 0, 1, 2, 3
PICTURE_UPSCALE_ROW = 1
GRID_FACTOR = 2


class Show(discord.ui.DynamicItem[Button], template=rf"easel:show:{GENERATION_ID}:{INDEX}"):
    """Posts one picture at full size, for all to see: whoever may read the channel has seen it in the grid."""

    def __init__(self, generation_id: str, index: int, number: int) -> None:
        super().__init__(
            Button(label=button_texts.show(number), custom_id=f"easel:show:{generation_id}:{index}", row=SHOW_ROW)
        )
        self.generation_id = generation_id
        self.index = index

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(match["id"], int(match["index"]), int(match["index"]) + 1)

    @pressed(Late.PUBLIC)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Post the picture as a reply."""
        generation, image = await host.usecases.deliver.show(member_of(interaction), self.generation_id, self.index)
        content = cards.picture(generation, self.index, image)
        view = picture_view(generation.id, self.index)
        try:
            await answer_to(interaction).post(content, view, f"{generation.id}-{self.index + 1}")
        except NOT_TAKEN as error:
            if remedy_for(error) is Remedy.SMALLER:
                raise PictureTooLarge from error
            raise


class Vary(discord.ui.DynamicItem[Button], template=rf"easel:vary:{GENERATION_ID}:{INDEX}:(?P<strength>subtle|strong)"):
    """Draws pictures that resemble one."""

    def __init__(self, generation_id: str, index: int, strength: str, label: str, row: int) -> None:
        custom_id = f"easel:vary:{generation_id}:{index}:{strength}"
        super().__init__(Button(label=label, custom_id=custom_id, row=row))
        self.generation_id = generation_id
        self.index = index
        self.strength = strength

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        index = int(match["index"])
        return cls(match["id"], index, match["strength"], button_texts.vary(index + 1), VARY_ROW)

    @pressed(Late.PUBLIC)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Accept the variations as a job of the member who pressed."""
        generation = await host.usecases.variations.vary(
            member_of(interaction),
            place_of(interaction),
            self.generation_id,
            self.index,
            STRENGTHS[self.strength],
        )
        await host.delivery.begin(interaction, generation)


class Upscale(discord.ui.DynamicItem[Button], template=rf"easel:upscale:{GENERATION_ID}:{INDEX}:(?P<factor>2|4)"):
    """Draws one picture larger."""

    def __init__(self, generation_id: str, index: int, factor: int, label: str, row: int) -> None:
        custom_id = f"easel:upscale:{generation_id}:{index}:{factor}"
        super().__init__(Button(label=label, custom_id=custom_id, row=row))
        self.generation_id = generation_id
        self.index = index
        self.factor = factor

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        index = int(match["index"])
        return cls(match["id"], index, int(match["factor"]), upscaling_texts.larger(index + 1), UPSCALE_ROW)

    @pressed(Late.PUBLIC)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Accept the larger picture as a job of the member who pressed."""
        generation = await host.usecases.variations.upscale(
            member_of(interaction), place_of(interaction), self.generation_id, self.index, self.factor
        )
        await host.delivery.begin(interaction, generation)


class Reroll(discord.ui.DynamicItem[Button], template=rf"easel:reroll:{GENERATION_ID}"):
    """Draws the same recipe with new seeds."""

    def __init__(self, generation_id: str, row: int = LAST_ROW) -> None:
        super().__init__(Button(label=button_texts.REROLL, custom_id=f"easel:reroll:{generation_id}", row=row))
        self.generation_id = generation_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(match["id"])

    @pressed(Late.PUBLIC)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Accept the reroll as a job of the member who pressed."""
        generation = await host.usecases.variations.reroll(
            member_of(interaction), place_of(interaction), self.generation_id
        )
        await host.delivery.begin(interaction, generation)


class Delete(discord.ui.DynamicItem[Button], template=rf"easel:delete:{GENERATION_ID}"):
    """Deletes a generation: its files, its message and the message of the button."""

    def __init__(self, generation_id: str, row: int = LAST_ROW) -> None:
        super().__init__(
            Button(
                label=button_texts.DELETE,
                style=discord.ButtonStyle.danger,
                custom_id=f"easel:delete:{generation_id}",
                row=row,
            )
        )
        self.generation_id = generation_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(match["id"])

    @pressed(Late.UNSEEN)
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Delete, if the member may. A copy of pictures that somebody deleted goes too, whoever presses."""
        try:
            generation = await host.usecases.deliver.delete(member_of(interaction), self.generation_id)
        except GenerationDeleted:
            if interaction.message is not None:
                with suppress(*NOT_TAKEN):
                    await interaction.message.delete()
            raise
        gone = await answer_to(interaction).remove()
        pressed_id = interaction.message.id if interaction.message else None
        await host.delivery.remove(generation, gone=gone and pressed_id == generation.message_id)


def result_view(generation: Generation, indexes: Sequence[int]) -> discord.ui.View:
    """Return what may be pressed under finished pictures.

    The numbers on the buttons count the pictures that are there, so that they match the grid where some are missing.
    Vary under a grid is the strong kind: whoever asks for something else expects to see a difference.

    Args:
        generation: its record.
        indexes: the pictures shown, as positions in the recipe, in order.
    """
    if len(indexes) == 1:
        return picture_view(generation.id, indexes[0])
    view = discord.ui.View(timeout=None)
    for number, index in enumerate(indexes, 1):
        view.add_item(Show(generation.id, index, number))
    for number, index in enumerate(indexes, 1):
        view.add_item(Vary(generation.id, index, "strong", button_texts.vary(number), VARY_ROW))
    for number, index in enumerate(indexes, 1):
        view.add_item(Upscale(generation.id, index, GRID_FACTOR, upscaling_texts.larger(number), UPSCALE_ROW))
    view.add_item(Reroll(generation.id))
    view.add_item(Delete(generation.id))
    return view


def picture_view(generation_id: str, index: int) -> discord.ui.View:
    """Return what may be pressed under a single picture."""
    view = discord.ui.View(timeout=None)
    view.add_item(Vary(generation_id, index, "subtle", button_texts.VARY_SUBTLE, row=0))
    view.add_item(Vary(generation_id, index, "strong", button_texts.VARY_STRONG, row=0))
    view.add_item(Reroll(generation_id, row=0))
    view.add_item(Delete(generation_id, row=0))
    for factor, label in upscaling_texts.LARGER.items():
        view.add_item(Upscale(generation_id, index, factor, label, PICTURE_UPSCALE_ROW))
    view.add_item(UseAsInput(generation_id, index))
    for button in outpaint_buttons(generation_id, index):
        view.add_item(button)
    return view
