"""What only the edge refuses, with its sentence. What use cases and engine refuse is data for `bot.texts.errors`."""

from __future__ import annotations

from discord import app_commands

from bot.texts import refusals as refusal_texts


class UserError(app_commands.AppCommandError):
    """Something cannot be done. `sentence` says to the member what can."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class WrongValue(UserError):
    """A value that cannot be used. `hint` is a sentence that says what can."""

    def __init__(self, field: str, value: str, hint: str) -> None:
        super().__init__(refusal_texts.wrong_value(field, value, hint))
        self.field = field
        self.value = value
        self.hint = hint
