"""What is said about styles, negative prompts and the prompt builder."""

from __future__ import annotations

from collections.abc import Sequence

from bot.quoting import inert
from bot.texts import WORD_LENGTH, choices

IMAGINE_STYLE = "A look: its words go around yours, and you see them with the picture"

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

ADMIN_NEGATIVE = "What no picture here should show"
ADMIN_NEGATIVE_SET = "Add words to the negative prompt of every new request"
ADMIN_NEGATIVE_CLEAR = "Add nothing to negative prompts any more"
ADMIN_NEGATIVE_SHOW = "Show what is added to negative prompts"
ADMIN_NEGATIVE_WORDS = "Words with commas between, such as: text, watermark"

NEGATIVE_NONE = "This server adds nothing to negative prompts."


def unknown_style(style: str, known: Sequence[str]) -> str:
    have = f"Choose one of: {choices(known)}." if known else "There is none to choose."
    return f"There is no style called {inert(style, WORD_LENGTH)}. {have}"


def negative(words: str) -> str:
    if not words:
        return NEGATIVE_NONE
    return f"Every new request here also has this in its negative prompt: {inert(words, 700)}"
