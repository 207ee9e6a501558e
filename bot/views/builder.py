"""The prompt builder: a form of five questions, which `bot.views.forms` takes, and the button that opens it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import discord

from bot.domain.prompts import PromptParts
from bot.interactions.answers import Late
from bot.interactions.handling import answer_to
from bot.texts import prompts as texts
from bot.usecases.imagine import Ask
from bot.views.asking import draw
from bot.views.press import PREFIX, Button, Host, Interaction, view_of

LONGEST_ANSWER = 900  # four of them make one prompt
_FORM_ID = f"{PREFIX}:build"
BUILD_FORM = re.compile(_FORM_ID)


def build_form() -> discord.ui.Modal:
    """Return a form that asks for the parts of a prompt."""
    form = discord.ui.Modal(title=texts.BUILD_TITLE, custom_id=_FORM_ID)
    for name, (title, explanation, example) in texts.BUILD_QUESTIONS.items():
        answer: discord.ui.TextInput[Any] = discord.ui.TextInput(
            placeholder=example, required=name == "subject", max_length=LONGEST_ANSWER, custom_id=name
        )
        form.add_item(discord.ui.Label(text=title, description=explanation, component=answer))
    form.stop()
    return form


async def take_build(interaction: Interaction, host: Host, form: re.Match[str], answers: Mapping[str, str]) -> None:
    """Ask for the prompt that the answers make, as if it had been typed."""
    parts = PromptParts(**{name: answers.get(name, "") for name in texts.BUILD_QUESTIONS})
    ask = Ask(parts.prompt(), negative_prompt=parts.avoid.strip() or None)
    await draw(interaction, host, ask, press=f"build:{interaction.id}")


class Build(Button, action="build", late=Late.SENTENCE):
    """Opens the form."""

    label = texts.BUILD_BUTTON
    style = discord.ButtonStyle.primary

    async def press(self, interaction: Interaction, host: Host) -> None:
        """Show the form."""
        await answer_to(interaction).open(build_form())


def build_view() -> discord.ui.View:
    """Return a view with the button alone."""
    return view_of(Build())
