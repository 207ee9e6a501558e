"""The prompt builder: a form of five questions, and the button that opens it."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot import replies
from bot.texts import prompts as texts
from bot.usecases.imagine import Ask
from bot.usecases.prompts import Parts
from bot.views.asking import draw
from bot.views.press import Button, Host, host_of, pressed

OPEN_FOR_S = 3600.0
LONGEST_ANSWER = 240  # four of them make one prompt


class BuildForm(discord.ui.Modal):
    """Asks for the parts of a prompt; whoever sends it has the picture drawn."""

    def __init__(self) -> None:
        super().__init__(title=texts.BUILD_TITLE, timeout=OPEN_FOR_S)
        self._answers = {
            name: discord.ui.TextInput[Self](
                placeholder=example, required=name == "subject", max_length=LONGEST_ANSWER, custom_id=name
            )
            for name, (_, _, example) in texts.BUILD_QUESTIONS.items()
        }
        for name, (title, explanation, _) in texts.BUILD_QUESTIONS.items():
            self.add_item(discord.ui.Label(text=title, description=explanation, component=self._answers[name]))

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Ask for the prompt that the answers make, as if it had been typed."""
        parts = Parts(**{name: answer.value for name, answer in self._answers.items()})
        ask = Ask(parts.prompt(), negative_prompt=parts.avoid.strip() or None)
        await draw(interaction, host_of(interaction), ask, press=f"build:{interaction.id}")

    async def on_error(  # type: ignore[override]  # discord.py's own Modal has this signature
        self, interaction: discord.Interaction[Any], error: Exception, /
    ) -> None:
        """Answer the member."""
        await replies.answer(interaction, error)


class Build(discord.ui.DynamicItem[Button], template=r"easel:build"):
    """Opens the form."""

    def __init__(self) -> None:
        super().__init__(Button(label=texts.BUILD_BUTTON, style=discord.ButtonStyle.primary, custom_id="easel:build"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls()

    @pressed
    async def callback(self, interaction: discord.Interaction, host: Host) -> None:
        """Show the form."""
        await interaction.response.send_modal(BuildForm())


def build_view() -> discord.ui.View:
    """Return a view with the button alone."""
    view = discord.ui.View(timeout=None)
    view.add_item(Build())
    return view
