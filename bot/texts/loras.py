"""What members read about LoRAs, textual inversions and clip skip."""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts.phrases import WORD_LENGTH, choices
from bot.texts.sanitize import inert
from engine.api import MAX_LORA_WEIGHT, MAX_LORAS, Lora

HINT = (
    "Write a LoRA's name, or name and weight such as ink:0.8, with commas between several. "
    f"Weights go from {-MAX_LORA_WEIGHT:g} to {MAX_LORA_WEIGHT:g}, and {MAX_LORAS} LoRAs are the most."
)


def choice(before: str, lora: Lora, weight: str) -> str:
    """Return how a LoRA is offered.

    Args:
        before: what was typed before it and stays, e.g. "ink:0.8, ".
        lora: the LoRA.
        weight: as typed, with its colon; may be empty.
    """
    about = lora.description or (lora.title if lora.title != lora.name else "")
    return f"{before}{lora.name}{weight}{f' · {about}' if about else ''}"


def unknown_inversion(word: str, known: Sequence[str]) -> str:
    have = f"It has: {choices(known)}." if known else "It has none."
    return f"This model no longer has what {inert(word, WORD_LENGTH)} stood for. {have} Please type the prompt again."


def unknown_lora(lora: str, known: Sequence[str]) -> str:
    have = f"Choose one of: {choices(known)}." if known else "It has none; please leave the tag out."
    return f"This model has no LoRA called {inert(lora, WORD_LENGTH)}. {have}"


def lora_of_other_family(lora: str, family: str, wanted: str) -> str:
    return (
        f"The LoRA {inert(lora, WORD_LENGTH)} is for {inert(family, WORD_LENGTH)} models, and this one belongs to "
        f"{inert(wanted, WORD_LENGTH)}. Please choose another LoRA, or another model."
    )


def lora_unavailable(lora: str) -> str:
    return f"The file of the LoRA {inert(lora, WORD_LENGTH)} cannot be used. The bot's owner can see why."


def not_here_yet(kind: str, name: str) -> str:
    return (
        f"The {kind} {inert(name, WORD_LENGTH)} is not on this machine yet; the bot's owner can pull it. "
        "Until then, please leave it out."
    )
