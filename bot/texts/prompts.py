"""What is said about styles and the prompt builder."""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts.phrases import WORD_LENGTH, choices
from bot.texts.sanitize import inert

BUILD = "Answer five short questions and have the picture drawn"
BUILD_BUTTON = "Build a prompt"
BUILD_TITLE = "Build a prompt"
# Each question's title, its explanation, and an example.
BUILD_QUESTIONS = {
    "subject": ("Subject", "Who or what, and what it does", "an old fisherman mending a net"),
    "style": ("Style", "How it is made", "oil painting, thick brush strokes"),
    "light": ("Light and colours", "The mood", "warm evening light, muted colours"),
    "details": (
        "Composition and details",
        "Where we look from, and what else is there",
        "close-up, harbour behind him",
    ),
    "avoid": ("What to avoid", "What you do not want to see", "blurry, text, hats"),
}


def unknown_style(style: str, known: Sequence[str]) -> str:
    have = f"Choose one of: {choices(known)}." if known else "There is none to choose."
    return f"There is no style called {inert(style, WORD_LENGTH)}. {have}"
