"""The button that draws a picture over, and the form it opens, which `bot.views.forms` takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import discord

from bot.interactions.answers import Late
from bot.interactions.errors import WrongValue
from bot.interactions.handling import answer_to
from bot.interactions.identity import member_of, place_of
from bot.texts import inputs as texts
from bot.usecases.init_images import STRENGTH
from bot.views.press import ID, INDEX, PREFIX, Button, Field, Host, Interaction
from engine.api import MAX_TYPED_CHARACTERS

OVER_FORM = re.compile(rf"{PREFIX}:over:(?P<id>{ID}):(?P<index>{INDEX})")
_NUMBER = re.compile(r"\d{0,3}(?:[.,]\d{1,6})?")


class UseAsInput(Button, action="input", late=Late.SENTENCE):
    """Asks for the prompt and the strength of an img2img."""

    generation_id = Field(ID, str)
    index = Field(INDEX, int)
    label = texts.USE_AS_INPUT

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Open the form."""
        prompt = await host.usecases.img2img.prompt(member_of(interaction), self.generation_id, self.index)
        form = _form(self.generation_id, self.index, prompt)
        form.stop()
        await answer_to(interaction).open(form)


def _form(generation_id: str, index: int, prompt: str) -> discord.ui.Modal:
    form = discord.ui.Modal(title=texts.FORM_TITLE, custom_id=f"{PREFIX}:over:{generation_id}:{index}")
    paragraph = discord.TextStyle.paragraph
    words: discord.ui.TextInput[Any] = discord.ui.TextInput(
        custom_id="prompt", style=paragraph, default=prompt[:MAX_TYPED_CHARACTERS], max_length=MAX_TYPED_CHARACTERS
    )
    number: discord.ui.TextInput[Any] = discord.ui.TextInput(
        custom_id="strength", default=f"{STRENGTH:g}", max_length=8
    )
    form.add_item(discord.ui.Label(text=texts.FORM_PROMPT, component=words))
    form.add_item(discord.ui.Label(text=texts.FORM_STRENGTH, component=number))
    return form


async def take_over(interaction: Interaction, host: Host, form: re.Match[str], answers: Mapping[str, str]) -> None:
    """Accept the img2img as a job of the member who sent the form."""
    generation = await host.usecases.img2img.over(
        member_of(interaction),
        place_of(interaction),
        form["id"],
        int(form["index"]),
        answers.get("prompt", ""),
        _read_strength(answers.get("strength", "")),
    )
    await host.delivery.begin(interaction, generation)


def _read_strength(text: str) -> float:
    if not text.strip() or not _NUMBER.fullmatch(text.strip()):
        raise WrongValue("strength", text, texts.STRENGTH_HINT)
    return float(text.strip().replace(",", "."))
