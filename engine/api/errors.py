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

Here are the root and the three kinds; `request_errors` has what is refused, `job_errors` the others.

Each class has a stable `code`. Its fields travel between processes as plain data (`to_data`, `error_from_data`);
`str(error)` is a sentence for people, and `bot.texts.cards` words it again for members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar


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


class Unavailable(EngineError):
    """The engine cannot draw this now."""

    code = "unavailable"


class JobFailed(EngineError):
    """The job ended without pictures, through no fault of the request."""

    code = "job_failed"


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
