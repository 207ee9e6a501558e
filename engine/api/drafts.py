"""A recipe in the making: what somebody asks for, before a model has filled in the rest."""

from __future__ import annotations

from dataclasses import dataclass


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


def storable(text: str) -> str:
    """Return the text with each half of a surrogate pair replaced: it is no character, and cannot be hashed or kept."""
    return text.encode("utf-8", "replace").decode("utf-8")
