"""What members read about LoRAs, textual inversions and clip skip."""

from __future__ import annotations

from bot.quoting import inert
from engine.api import MAX_LORA_WEIGHT, MAX_LORAS, Lora

LORA = "LoRAs that change the model: ink, or ink:0.8 for less of it; several with commas"
CLIP_SKIP = "Last layers of the text encoder to leave out; A1111's “Clip skip: 2” is 1 here"
HINT = (
    "Write a LoRA's name, or name and weight such as ink:0.8, with commas between several. "
    f"Weights go from {-MAX_LORA_WEIGHT:g} to {MAX_LORA_WEIGHT:g}, and {MAX_LORAS} LoRAs are the most."
)
_NAME_LENGTH = 100


def choice(before: str, lora: Lora, weight: str) -> str:
    """Return how a LoRA is offered.

    Args:
        before: what was typed before it and stays, e.g. "ink:0.8, ".
        lora: the LoRA.
        weight: as typed, with its colon; may be empty.
    """
    about = lora.description or (lora.title if lora.title != lora.name else "")
    return f"{before}{lora.name}{weight}{f' · {about}' if about else ''}"


def not_here_yet(kind: str, name: str) -> str:
    return (
        f"The {kind} {inert(name, _NAME_LENGTH)} is not on this machine yet; the bot's owner can pull it. "
        "Until then, please leave it out."
    )
