"""Everything the engine can refuse or fail with: data first, words second.

    EngineError
    ├── Refused                     the request itself is wrong; nothing was queued
    │   ├── UnknownModel
    │   ├── UnknownScheduler
    │   ├── UnknownInversion
    │   ├── UnknownLora
    │   ├── LoraOfOtherFamily
    │   ├── UnknownUpscaler
    │   ├── InvalidSize
    │   ├── OutOfRange
    │   ├── BadPrompt
    │   ├── BadInput
    │   └── TooBusy
    ├── Unavailable                 the request may be right; the engine cannot draw it now
    │   ├── SafetyUnavailable
    │   ├── ModelUnavailable
    │   ├── LoraUnavailable
    │   ├── UpscalerUnavailable
    │   ├── NotHereYet
    │   └── EngineStopped
    └── JobFailed                   the job was queued and ended without pictures
        ├── WorkerDied
        ├── WorkerReplaced
        ├── EndsWorkers
        ├── GenerationFailed
        ├── NotKept
        ├── OutOfMemory
        ├── InputWithheld
        ├── InputNotJudged
        └── DeadlinePassed

Each class has a stable `code`. Its fields travel between processes as plain data (`to_data`, `error_from_data`);
`str(error)` is a sentence for people, and `bot.texts.cards` words it again for members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from engine.api.results import Fault


class EngineError(Exception):
    """Root of the tree. `retryable` says whether the same request may succeed if it is submitted again."""

    code: ClassVar[str] = "engine"
    retryable: ClassVar[bool] = False

    def sentence(self) -> str:
        """Return one plain sentence that says what happened and, where possible, what to do."""
        return "The engine failed."

    def __str__(self) -> str:
        return self.sentence()

    def to_data(self) -> dict[str, Any]:
        """Return the fields as plain values (str, int, float, None, lists of those)."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


class Refused(EngineError):
    """The request is wrong as it stands; nothing was queued."""

    code = "refused"


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


class Unavailable(EngineError):
    """The engine cannot draw this now."""

    code = "unavailable"


@dataclass(eq=False)
class SafetyUnavailable(Unavailable):
    """The safety gate failed its start-up proof, so nothing is drawn."""

    code = "safety_unavailable"
    reason: str

    def sentence(self) -> str:
        return f"Nothing is drawn, because the safety checker did not pass its own test: {self.reason}."


@dataclass(eq=False)
class ModelUnavailable(Unavailable):
    """The model is known but could not be loaded."""

    code = "model_unavailable"
    model: str
    reason: str

    def sentence(self) -> str:
        return f"The model {self.model!r} could not be loaded: {self.reason}."


@dataclass(eq=False)
class LoraUnavailable(Unavailable):
    """The LoRA is known but its file cannot be used. `reason` is for logs and operators."""

    code = "lora_unavailable"
    lora: str
    reason: str

    def sentence(self) -> str:
        return f"The LoRA {self.lora!r} could not be used: {self.reason}."


@dataclass(eq=False)
class UpscalerUnavailable(Unavailable):
    """The upscaler is known but its files cannot be used. `reason` is for logs and operators."""

    code = "upscaler_unavailable"
    upscaler: str
    reason: str

    def sentence(self) -> str:
        return f"The upscaler {self.upscaler!r} could not be used: {self.reason}."


@dataclass(eq=False)
class NotHereYet(Unavailable):
    """The catalogue has the LoRA or textual inversion (`kind`), and its file was not pulled yet."""

    code = "not_here_yet"
    kind: str
    name: str

    def sentence(self) -> str:
        return f"The file of the {self.kind} {self.name!r} is not here yet; easel models list says how to bring it."


@dataclass(eq=False)
class EngineStopped(Unavailable):
    """The engine is shutting down, or was never started."""

    code = "engine_stopped"
    retryable = True

    def sentence(self) -> str:
        return "The engine is not running."


class JobFailed(EngineError):
    """The job ended without pictures, through no fault of the request."""

    code = "job_failed"


@dataclass(eq=False)
class WorkerDied(JobFailed):
    """The worker that drew the job is gone, perhaps because of it. The ledger decides whether to submit it again."""

    code = "worker_died"
    retryable = True
    worker: str

    def sentence(self) -> str:
        return f"The worker {self.worker} stopped while it was drawing."


@dataclass(eq=False)
class WorkerReplaced(JobFailed):
    """The worker was told to stop, or a detector hung over another job's picture: this job had no part in its end."""

    code = "worker_replaced"
    retryable = True
    worker: str

    def sentence(self) -> str:
        return f"The worker {self.worker} was replaced while it was drawing, through no fault of the job."


@dataclass(eq=False)
class EndsWorkers(JobFailed):
    """What drew the job ended `deaths` times, the last times with nothing beside it: it is not tried again."""

    code = "ends_workers"
    deaths: int

    def sentence(self) -> str:
        return f"What drew this ended {self.deaths} times, lately with nothing beside it, so it is not tried again."


@dataclass(eq=False)
class GenerationFailed(JobFailed):
    """Drawing raised. `reason` is for logs and operators."""

    code = "generation_failed"
    reason: str

    def sentence(self) -> str:
        return f"Drawing failed: {self.reason}."


@dataclass(eq=False)
class NotKept(JobFailed):
    """What was drawn, or how far it was, could not be saved by who asked for it. The engine itself saves nothing."""

    code = "not_kept"

    def sentence(self) -> str:
        return "The job ended, because it could not be saved."


@dataclass(eq=False)
class OutOfMemory(JobFailed):
    """The job did not fit into the worker's memory, or card, by itself. `reason` is for logs and operators."""

    code = "out_of_memory"
    reason: str

    def sentence(self) -> str:
        return f"There was not enough memory for this; a smaller size or fewer pictures may fit ({self.reason})."


@dataclass(eq=False)
class InputWithheld(JobFailed):
    """The gate blocked the picture that was uploaded."""

    code = "input_withheld"

    def sentence(self) -> str:
        return "The picture that was handed in is held back by the safety checker, so nothing was drawn from it."


@dataclass(eq=False)
class InputNotJudged(JobFailed):
    """The gate could not judge the picture that was uploaded. `reason` is for logs and operators."""

    code = "input_not_judged"
    fault: Fault
    reason: str

    def __post_init__(self) -> None:
        self.fault = Fault(self.fault)  # travels as its code

    def sentence(self) -> str:
        return f"The picture that was handed in could not be checked, so nothing was drawn from it: {self.reason}."


@dataclass(eq=False)
class DeadlinePassed(JobFailed):
    """The job was still waiting when its deadline passed."""

    code = "deadline_passed"

    def sentence(self) -> str:
        return "The job waited too long and was given up."


def error_classes(root: type[EngineError] = EngineError) -> dict[str, type[EngineError]]:
    """Return every concrete error class (those that are dataclasses) under and with a class, by its code."""
    found: dict[str, type[EngineError]] = {root.code: root} if "__dataclass_fields__" in root.__dict__ else {}
    for cls in root.__subclasses__():
        found |= error_classes(cls)
    return found


def error_from_data(code: str, data: Mapping[str, Any]) -> EngineError:
    """Rebuild an error from its code and `to_data()`.

    Raises:
        KeyError, TypeError, ValueError: no error class has this code, or its fields are others.
    """
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return error_classes()[code](**values)
