"""Named styles: words around a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PLACEHOLDER = "{prompt}"


@dataclass(frozen=True, slots=True)
class Style:
    """A look that a member can choose by name.

    Args:
        name: what members type.
        title: what they read.
        description: what it looks like, one line.
        prompt: holds PLACEHOLDER once, where the member's words go.
        negative_prompt: what such pictures should not show; may be empty.
    """

    name: str
    title: str
    description: str
    prompt: str
    negative_prompt: str = ""

    def wrap(self, prompt: str) -> str:
        """Return the prompt in the style's words; an empty one stays empty, to be refused."""
        words = prompt.strip().rstrip(" ,")
        return self.prompt.replace(PLACEHOLDER, words) if words else prompt


def find_style(styles: Sequence[Style], text: str) -> Style | None:
    """Return the style of that name or title, in any case; None if there is none."""
    wanted = text.strip().casefold()
    return next((style for style in styles if wanted in (style.name, style.title.casefold())), None)
