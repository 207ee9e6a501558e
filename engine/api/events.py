"""What a job tells its listener, in order: Queued*, Started, Progress*, then exactly one of the three last.

Queued -> Started -> Progress ... -> Finished | Failed | Cancelled
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.api.errors import EngineError
from engine.api.results import ImageResult, Provenance, ReviewedImage


@dataclass(frozen=True, slots=True)
class Queued:
    """The job waits.

    Args:
        position: 1 for the next to start.
        eta_s: seconds until its result, None if unknown.
        pulled: how much of its model's files is here, 0.0 to 1.0, while they are being downloaded; else None.
    """

    position: int
    eta_s: float | None
    pulled: float | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has begun. `worker` is its name."""

    worker: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What the pictures of a job will look like, about.

    Args:
        step: after which of the job's scheduler steps it was made.
        picture: reviewed; None if what was shown before must not be seen any more.
    """

    step: int
    picture: ReviewedImage | None


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `total` scheduler steps are done; now and then there is a preview, of an earlier step."""

    step: int
    total: int
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done: one result per image of the recipe, in order.

    `grid` shows the allowed pictures together, numbered by nothing, in reading order; None when fewer than two were
    allowed.
    """

    images: tuple[ImageResult, ...]
    grid: ReviewedImage | None
    facts: Provenance


@dataclass(frozen=True, slots=True)
class Failed:
    """The job ended without pictures."""

    error: EngineError


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job ended because `Job.cancel` was called."""


Event = Queued | Started | Progress | Finished | Failed | Cancelled
FINAL = (Finished, Failed, Cancelled)
