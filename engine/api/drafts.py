"""A recipe in the making: what somebody asks for, before a model has filled in the rest."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class RecipeDraft:
    """What is asked of a recipe; `ModelInfo.complete` makes one of it. None is for the model to fill in.

    The fields are those of `Recipe` that a model has defaults of. Seeds, and a picture to start from, nobody has.
    """

    prompt: str = ""
    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    scheduler: str | None = None
    clip_skip: int | None = None

    def values(self) -> dict[str, Any]:
        """Return what is asked for, by the name of its field; nothing of what a subclass adds."""
        asked = {field.name: getattr(self, field.name) for field in fields(RecipeDraft)}
        return {name: value for name, value in asked.items() if value is not None}


def storable(text: str) -> str:
    """Return the text with each half of a surrogate pair replaced: it is no character, and cannot be hashed or kept."""
    return text.encode("utf-8", "replace").decode("utf-8")
