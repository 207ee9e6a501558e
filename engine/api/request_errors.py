"""What is wrong with a request: it is refused, and nothing is queued."""

from __future__ import annotations

from dataclasses import dataclass

from engine.api.errors import Refused


@dataclass(eq=False)
class UnknownModel(Refused):
    """No model of that id is in the catalogue."""

    code = "unknown_model"
    model: str
    known: tuple[str, ...] = ()

    def sentence(self) -> str:
        return f"There is no model called {self.model!r}. Known models: {', '.join(self.known) or 'none'}."


@dataclass(eq=False)
class UnknownScheduler(Refused):
    """The model does not offer that noise scheduler."""

    code = "unknown_scheduler"
    scheduler: str
    known: tuple[str, ...] = ()

    def sentence(self) -> str:
        return f"There is no scheduler called {self.scheduler!r}. Choose one of: {', '.join(self.known)}."


@dataclass(eq=False)
class UnknownInversion(Refused):
    """The recipe names a textual inversion, or a revision of one, that the model does not have."""

    code = "unknown_inversion"
    word: str
    known: tuple[str, ...] = ()

    def sentence(self) -> str:
        known = ", ".join(self.known) or "none"
        return f"This model does not have the textual inversion {self.word!r} as it was. It has: {known}."


@dataclass(eq=False)
class UnknownLora(Refused):
    """The model has no LoRA of that name, or the recipe names a revision of it that is gone."""

    code = "unknown_lora"
    lora: str
    known: tuple[str, ...] = ()

    def sentence(self) -> str:
        return f"This model has no LoRA called {self.lora!r}. It has: {', '.join(self.known) or 'none'}."


@dataclass(eq=False)
class LoraOfOtherFamily(Refused):
    """The LoRA was made for models of another architecture. `family` is its own, `wanted` the model's."""

    code = "lora_of_other_family"
    lora: str
    family: str
    wanted: str

    def sentence(self) -> str:
        return f"The LoRA {self.lora!r} is for {self.family} models, and this is one of {self.wanted}."


@dataclass(eq=False)
class UnknownUpscaler(Refused):
    """There is no upscaler of that name, or the recipe names a revision of it that is gone."""

    code = "unknown_upscaler"
    upscaler: str
    known: tuple[str, ...] = ()

    def sentence(self) -> str:
        return f"There is no upscaler called {self.upscaler!r} as it was. Known: {', '.join(self.known) or 'none'}."


@dataclass(eq=False)
class InvalidSize(Refused):
    """The model cannot draw that size. `nearest` holds the closest right sizes as "WIDTHxHEIGHT"."""

    code = "invalid_size"
    width: int
    height: int
    nearest: tuple[str, ...] = ()

    def sentence(self) -> str:
        nearest = " or ".join(self.nearest)
        return f"{self.width}x{self.height} is not a size this model can draw. The nearest it can: {nearest}."


@dataclass(eq=False)
class OutOfRange(Refused):
    """A number lies outside what the model or the engine takes. `low` and `high` are inclusive."""

    code = "out_of_range"
    field: str
    value: float
    low: float
    high: float

    def sentence(self) -> str:
        return f"{self.field} must be between {self.low:g} and {self.high:g}, not {self.value:g}."


@dataclass(eq=False)
class BadPrompt(Refused):
    """The prompt cannot be drawn.

    `reason`: empty, too_long, unreadable (no valid text), forbidden (on any server), permutations (its braces stand for
    more than `limit` prompts).
    `part`: of what: "prompt" and "negative prompt" are what was typed, "whole prompt" and "whole negative prompt" what
    was made of it.
    """

    code = "bad_prompt"
    reason: str
    length: int = 0
    limit: int = 0
    part: str = "prompt"

    def sentence(self) -> str:
        if self.reason == "empty":
            return "The prompt is empty. Describe what you want to see."
        if self.reason == "too_long":
            return f"The {self.part} has {self.length} characters; at most {self.limit} are taken."
        if self.reason == "unreadable":
            return "The prompt holds characters that are no text. Type it again."
        if self.reason == "permutations":
            return f"The braces of this prompt stand for more than {self.limit} prompts. Give fewer alternatives."
        return f"This {self.part} asks for something that is never drawn here."


@dataclass(eq=False)
class BadInput(Refused):
    """A picture that was uploaded cannot be used.

    `reason`: too_large (over `limit` bytes), too_many_pixels (over `limit`), unreadable (no whole PNG, JPEG or WebP),
    missing (its bytes are gone), mask_size (the mask has other sides than the picture).
    """

    code = "bad_input"
    reason: str
    limit: int = 0

    def sentence(self) -> str:
        if self.reason == "too_large":
            return f"The picture's file is larger than {self.limit // 2**20} MB. Hand in a smaller one."
        if self.reason == "too_many_pixels":
            return f"The picture has more than {self.limit // 10**6} million pixels. Hand in a smaller one."
        if self.reason == "unreadable":
            return "The file is no whole PNG, JPEG or WebP picture. Save it as one of these and hand it in again."
        if self.reason == "missing":
            return "The picture that this starts from is not there any more. Hand it in again."
        return "The mask must have the same width and height as the picture."


@dataclass(eq=False)
class TooBusy(Refused):
    """The queue, or the tenant's part of it, is full. `eta_s` is when a place should be free, in seconds."""

    code = "too_busy"
    eta_s: float

    def sentence(self) -> str:
        return f"The queue is full. Try again in about {max(1, round(self.eta_s))} s."
