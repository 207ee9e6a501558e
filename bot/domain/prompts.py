"""Put prompts together: from what was typed, the model's, a style's and the server's words."""

from __future__ import annotations

from dataclasses import dataclass

from engine.api import MAX_TYPED_CHARACTERS, BadPrompt


@dataclass(frozen=True, slots=True)
class PromptParts:
    """What a member filled into the prompt builder. All but the subject may be empty.

    Args:
        subject: what to see.
        style: photo, painting, ...
        light: and colours.
        details: and composition.
        avoid: what not to see.
    """

    subject: str
    style: str = ""
    light: str = ""
    details: str = ""
    avoid: str = ""

    def prompt(self) -> str:
        """Return the prompt, what matters most first: the model reads the beginning most closely."""
        return joined(self.subject, self.style, self.details, self.light)


def joined(*parts: str) -> str:
    """Return the parts that are not blank, with commas between them, on one line."""
    on_one_line = (" ".join(part.split()).strip(" ,") for part in parts)
    return ", ".join(part for part in on_one_line if part)


def check_typed(prompt: str, negative_prompt: str | None = None) -> None:
    """Raise BadPrompt ("too_long") if a prompt or negative prompt is longer than a member may type."""
    for part, text in (("prompt", prompt), ("negative prompt", negative_prompt or "")):
        if len(text) > MAX_TYPED_CHARACTERS:
            raise BadPrompt("too_long", len(text), MAX_TYPED_CHARACTERS, part)


def whole_negative_prompt(typed: str | None, model: str, style: str, guild: str) -> str:
    """Return all that must not be seen: what was typed or else the model's, then the style's, then the guild's.

    A part that stands there already, in any case, is not repeated.

    Args:
        typed: by the member; None for nothing, an empty text for none of the model's.
        model, style, guild: what they keep away.
    """
    together = model if typed is None else typed
    for part in (style, guild):
        if part.casefold() not in together.casefold():
            together = ", ".join(each for each in (together.rstrip(" ,"), part) if each)
    return together
