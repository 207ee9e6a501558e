"""What members read about larger pictures."""

from __future__ import annotations

from bot.texts.sanitize import inert
from engine.api import Recipe

NAME_LENGTH = 100
LARGER = {2: "Upscale x2", 4: "Upscale x4"}


def larger(number: int) -> str:
    return f"Upscale {number}"


def settings(recipe: Recipe) -> str | None:
    """Return how a picture was made larger, if no model drew it over."""
    if recipe.upscaler is None:
        return None
    use = recipe.upscaler
    return f"{recipe.model} · {recipe.width}x{recipe.height} · upscaled x{use.factor} by {inert(use.name, NAME_LENGTH)}"


def unknown(upscaler: str) -> str:
    return f"The upscaler {inert(upscaler, NAME_LENGTH)} has been changed or taken away. Please press Upscale again."


def unavailable(upscaler: str) -> str:
    return f"The upscaler {inert(upscaler, NAME_LENGTH)} cannot be used. The bot's owner can see why."
