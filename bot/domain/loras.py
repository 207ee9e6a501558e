"""LoRAs of a request: as tags in its prompt, with the words that bring them out."""

from __future__ import annotations

from collections.abc import Sequence

from engine.api import MAX_LORA_WEIGHT, LoraTag, ModelInfo, OutOfRange, parse_prompt

_DIGITS = 4


def with_loras(prompt: str, tags: Sequence[LoraTag], info: ModelInfo) -> str:
    """Return the prompt with a tag for each LoRA at its end, so that it says by itself what it is drawn with.

    Raises:
        UnknownLora, LoraOfOtherFamily, NotHereYet: one cannot change this model.
        OutOfRange: its weight is beyond MAX_LORA_WEIGHT.
    """
    written = []
    for tag in tags:
        lora = info.lora(tag.name)
        weight = lora.weight if tag.weight is None else tag.weight
        if not abs(weight) <= MAX_LORA_WEIGHT:
            raise OutOfRange("LoRA weight", weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT)
        # Without an exponent, which a tag cannot have.
        written.append(f"<lora:{lora.name}:{f'{weight:.{_DIGITS}f}'.rstrip('0').rstrip('.')}>")
    return " ".join([prompt.rstrip(), *written]) if written else prompt


def with_trigger_words(prompt: str, info: ModelInfo) -> str:
    """Return the prompt with the trigger words that it lacks at its end: the model's, and those of its LoRAs.

    One without words stays so, to be refused.

    Raises:
        UnknownLora, LoraOfOtherFamily, NotHereYet, OutOfRange: it names a LoRA that cannot change this model.
    """
    read = parse_prompt(prompt)
    loras = [info.lora(use.name) for use in info.loras_in(read)]
    words = dict.fromkeys([*info.trigger_words, *(word for lora in loras for word in lora.trigger_words)])
    missing = [word for word in words if word.casefold() not in read.text.casefold()]
    return ", ".join([prompt.rstrip(" ,"), *missing]) if read.text.strip() and missing else prompt
