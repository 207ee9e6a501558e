"""The buttons under pictures: show, vary, upscale, reroll, delete."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import discord

from bot.domain.records import Generation
from bot.interactions.answers import Late
from bot.interactions.errors import UserError
from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of, place_of
from bot.interactions.rejections import NOT_TAKEN, Remedy, remedy_for
from bot.texts import buttons as button_texts
from bot.texts import cards
from bot.texts import upscaling as upscaling_texts
from bot.usecases.refusals import GenerationDeleted
from bot.usecases.variations import STRONG, SUBTLE
from bot.views.img2img import UseAsInput
from bot.views.outpaint import outpaint_buttons
from bot.views.press import ID, INDEX, Button, Field, Host, Interaction, view_of

STRENGTHS: dict[str, float] = {"subtle": SUBTLE, "strong": STRONG}

SHOW_ROW, VARY_ROW, UPSCALE_ROW, LAST_ROW = 0, 1, 2, 3
PICTURE_UPSCALE_ROW = 1
GRID_FACTOR = 2


class Show(Button, action="show", late=Late.PUBLIC):
    """Posts one picture at full size, for all to see: whoever may read the channel has seen it in the grid."""

    generation_id = Field(ID, str)
    index = Field(INDEX, int)

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Post the picture as a reply."""
        generation, image = await host.usecases.deliver.show(member_of(interaction), self.generation_id, self.index)
        content = cards.picture(generation, self.index, image)
        view = picture_view(generation.id, self.index)
        try:
            await answer_to(interaction).post(content, view, f"{generation.id}-{self.index + 1}")
        except NOT_TAKEN as error:
            if remedy_for(error) is Remedy.SMALLER:
                raise UserError(button_texts.SHOWN_TOO_LARGE) from error
            raise


class Vary(Button, action="vary", late=Late.PUBLIC):
    """Draws pictures that resemble one."""

    generation_id = Field(ID, str)
    index = Field(INDEX, int)
    strength = Field("|".join(STRENGTHS), str)

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Accept the variations as a job of the member who pressed."""
        generation = await host.usecases.variations.vary(
            member_of(interaction),
            place_of(interaction),
            self.generation_id,
            self.index,
            STRENGTHS[self.strength],
        )
        await host.delivery.begin(interaction, generation)


class Upscale(Button, action="upscale", late=Late.PUBLIC):
    """Draws one picture larger."""

    generation_id = Field(ID, str)
    index = Field(INDEX, int)
    factor = Field("|".join(map(str, upscaling_texts.LARGER)), int)

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Accept the larger picture as a job of the member who pressed."""
        generation = await host.usecases.variations.upscale(
            member_of(interaction), place_of(interaction), self.generation_id, self.index, self.factor
        )
        await host.delivery.begin(interaction, generation)


class Reroll(Button, action="reroll", late=Late.PUBLIC):
    """Draws the same recipe with new seeds."""

    generation_id = Field(ID, str)
    label = button_texts.REROLL

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Accept the reroll as a job of the member who pressed."""
        generation = await host.usecases.variations.reroll(
            member_of(interaction), place_of(interaction), self.generation_id
        )
        await host.delivery.begin(interaction, generation)


class Delete(Button, action="delete", late=Late.UNSEEN):
    """Deletes a generation: its files, its message and the message of the button."""

    generation_id = Field(ID, str)
    label = button_texts.DELETE
    style = discord.ButtonStyle.danger

    async def press(self, interaction: Interaction, host: Host) -> None:
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
    numbered = list(enumerate(indexes, 1))
    shows = [Show(generation.id, index, label=button_texts.show(number), row=SHOW_ROW) for number, index in numbered]
    varies = [
        Vary(generation.id, index, "strong", label=button_texts.vary(number), row=VARY_ROW)
        for number, index in numbered
    ]
    upscales = [
        Upscale(generation.id, index, GRID_FACTOR, label=upscaling_texts.larger(number), row=UPSCALE_ROW)
        for number, index in numbered
    ]
    last = [Reroll(generation.id, row=LAST_ROW), Delete(generation.id, row=LAST_ROW)]
    return view_of(*shows, *varies, *upscales, *last)


def picture_view(generation_id: str, index: int) -> discord.ui.View:
    """Return what may be pressed under a single picture."""
    return view_of(
        Vary(generation_id, index, "subtle", label=button_texts.VARY_SUBTLE, row=0),
        Vary(generation_id, index, "strong", label=button_texts.VARY_STRONG, row=0),
        Reroll(generation_id, row=0),
        Delete(generation_id, row=0),
        *(
            Upscale(generation_id, index, factor, label=label, row=PICTURE_UPSCALE_ROW)
            for factor, label in upscaling_texts.LARGER.items()
        ),
        UseAsInput(generation_id, index, row=PICTURE_UPSCALE_ROW),
        *outpaint_buttons(generation_id, index),
    )
