"""The button under what a picture says of itself. The message holds all that a press needs: it is not stored."""

from __future__ import annotations

import re
from io import BytesIO

import discord

from bot.interactions.answers import Late
from bot.interactions.errors import UserError
from bot.interactions.identity import member_of, place_of
from bot.interactions.uploads import fetch
from bot.texts import recipes as texts
from bot.usecases.recipes import Found, read_found
from bot.views.press import ID, INDEX, PREFIX, Button, Field, Host, Interaction, view_of
from engine.api.embedded_texts import PARAMETERS, RECIPE

FILES = {RECIPE: "recipe.json", PARAMETERS: "recipe.txt"}
"""The names of the files in which a message keeps what was read, by what they hold."""


class Run(Button, action="run", late=Late.PUBLIC):
    """Draws a generation, or one of its pictures, once more."""

    generation_id = Field(ID, str)
    index = Field(INDEX, lambda text: int(text) if text else None, optional=True)
    label = texts.RUN

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Accept it as a job of the member who pressed."""
        generation = await host.usecases.variations.run(
            member_of(interaction), place_of(interaction), self.generation_id, self.index
        )
        await host.delivery.begin(interaction, generation)


class RunFile(Button, action="run-file", late=Late.PUBLIC):
    """Draws what the file beside the button says."""

    label = texts.RUN

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Accept it as a job of the member who pressed."""
        member, message = member_of(interaction), interaction.message
        if message is None or not (kept := await _kept(message)):
            raise UserError(texts.GONE)
        found = read_found(kept)
        press = f"run:{message.id}:{member.user_id}"
        generation = await host.usecases.recipes.accept(member, place_of(interaction), found.parameters, press)
        await host.delivery.begin(interaction, generation)


async def _kept(message: discord.Message) -> dict[str, str]:
    keywords = {name: keyword for keyword, name in FILES.items()}
    files = [each for each in message.attachments if each.filename in keywords]
    return {keywords[file.filename]: (await fetch(file)).decode("utf-8", "replace") for file in files}


def found_file(found: Found) -> discord.File:
    """Return the file from which the button reads what was found."""
    return discord.File(BytesIO(found.text.encode("utf-8", "replace")), filename=FILES[found.keyword])


def run_view(button: Run | RunFile) -> discord.ui.View:
    """Return what may be pressed under a recipe."""
    return view_of(button)


SHOWN = re.compile(rf"{PREFIX}:[a-z]+:(?P<id>{ID})(?::(?P<index>{INDEX}))?(?::[a-z0-9.]+)?")


def shown_generation(message: discord.Message) -> tuple[str, int | None] | None:
    """Return which generation one of our messages shows, and which picture if it shows a single one."""
    buttons = [child for row in message.components if isinstance(row, discord.ActionRow) for child in row.children]
    found = [match for button in buttons if (match := SHOWN.fullmatch(button.custom_id or ""))]
    indexes = {int(match["index"]) for match in found if match["index"]}
    return (found[0]["id"], indexes.pop() if len(indexes) == 1 else None) if found else None
