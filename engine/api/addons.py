"""What a prompt may ask for beside a model: textual inversions and LoRAs."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.api.numbers import real

MAX_LORA_WEIGHT = 4.0
MAX_LORAS = 5


@dataclass(frozen=True, slots=True)
class Inversion:
    """A textual inversion: a word of the prompts that stands for vectors from a file.

    Args:
        word: found as a whole word, in any case.
        revision: of the file, as in the catalogue.
    """

    word: str
    revision: str


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA of the catalogue: low-rank changes to the layers of a model, which a prompt may ask for.

    Name, revision and family say which it is; the rest is told about it.

    Args:
        name: as in `<lora:name:0.8>`, in any case.
        revision: of the file.
        family: of the models that it is for.
        title: name people read; empty for its name.
        description: what it does, one line.
        trigger_words: words that bring out what it was trained for.
        weight: where a prompt gives none, -MAX_LORA_WEIGHT to MAX_LORA_WEIGHT.
    """

    name: str
    revision: str
    family: str
    title: str = field(default="", compare=False)
    description: str = field(default="", compare=False)
    trigger_words: tuple[str, ...] = field(default=(), compare=False)
    weight: float = field(default=1.0, compare=False)


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA in a recipe.

    Args:
        name, revision: of the LoRA, as in the catalogue.
        weight: how much of it, -MAX_LORA_WEIGHT to MAX_LORA_WEIGHT.
    """

    name: str
    revision: str
    weight: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", real("LoRA weight", self.weight, -MAX_LORA_WEIGHT, MAX_LORA_WEIGHT))
