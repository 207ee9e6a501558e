"""What the ledger holds of a generation: frozen records, and the states a job moves through. No Discord, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from engine.api import EngineError, Fault, ImageSeed, Provenance, Recipe, Verdict


class JobState(StrEnum):
    """Where a job is. `bot/ARCHITECTURE.md` draws the moves."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    FINISHED = "finished"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"
    DELETED = "deleted"


UNFINISHED = frozenset({JobState.ACCEPTED, JobState.RUNNING})

MOVES: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        JobState.ACCEPTED: frozenset(
            {JobState.ACCEPTED, JobState.RUNNING, JobState.FAILED, JobState.CANCELLED, JobState.DELETED}
        ),
        JobState.RUNNING: frozenset(
            {JobState.ACCEPTED, JobState.FINISHED, JobState.FAILED, JobState.CANCELLED, JobState.DELETED}
        ),
        JobState.FINISHED: frozenset({JobState.DELIVERED, JobState.WITHHELD, JobState.FAILED, JobState.DELETED}),
        JobState.DELIVERED: frozenset({JobState.DELETED}),
        JobState.FAILED: frozenset({JobState.DELETED}),
        JobState.CANCELLED: frozenset({JobState.DELETED}),
        JobState.WITHHELD: frozenset({JobState.DELETED}),
        JobState.DELETED: frozenset(),
    }
)


class JobKind(StrEnum):
    """What a member did to ask for a generation.

    REROLL is whatever was drawn by a recipe that was there: running it again, too. VARY is whatever was drawn from one
    picture, UPSCALE that picture larger.
    """

    IMAGINE = "imagine"
    REROLL = "reroll"
    VARY = "vary"
    UPSCALE = "upscale"


@dataclass(frozen=True, slots=True)
class InteractionKey:
    """What opens the answer to an interaction, for fifteen minutes.

    Args:
        id: Discord's, which says when it began.
        token: a secret: whoever has it writes as the bot.
        is_answer: whether the message it is kept for is the interaction's answer, and not one that follows it.
    """

    id: int
    token: str = field(repr=False)
    is_answer: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where a generation was asked for, or, once its message had to go elsewhere, where that is.

    Args:
        key: opens the answer to the interaction that asked; None once it is of no more use.
    """

    guild_id: int
    channel_id: int
    key: InteractionKey | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """What became of one image of a recipe.

    Args:
        index: position in the recipe, from 0.
        seed: its noise.
        verdict: the safety gate's.
        fault: why the gate could not judge it; set exactly when the verdict is ERROR.
        reason: for logs and moderators.
        sha256: over its pixels; None unless allowed.
        file_sha256: over its file; None unless allowed.
        attachment_id: Discord's id of the attachment that holds it, once delivered.
    """

    index: int
    seed: ImageSeed
    verdict: Verdict
    fault: Fault | None
    reason: str
    sha256: str | None
    file_sha256: str | None
    attachment_id: int | None


@dataclass(frozen=True, slots=True)
class Generation:
    """A job and its results, as the ledger holds them.

    Args:
        id: ten lower-case letters and digits; also the engine's job id.
        kind: what the member did.
        recipe: what decides the pixels.
        user_id: who asked.
        place: where.
        message_id: message that shows the job, once there is one.
        state: where the job is.
        attempts: times a worker began it, without those that were stopped or replaced through no fault of the job.
        accepted_at: seconds since the epoch; kept over attempts.
        parent_id, parent_index: generation and picture it was made from.
        press: names the button or form that asked for it; None for a command.
        pictures: one record for each image of the recipe once the job has finished, else empty.
        error: why it failed, if the engine said so.
        facts: how it was drawn, once it has finished.
        is_announced: whether its message says how it ended, or nobody can be told.
    """

    id: str
    kind: JobKind
    recipe: Recipe
    user_id: int
    place: Place
    message_id: int | None
    state: JobState
    attempts: int
    accepted_at: float
    parent_id: str | None = None
    parent_index: int | None = None
    press: str | None = None
    pictures: tuple[PictureRecord, ...] = ()
    error: EngineError | None = None
    facts: Provenance | None = None
    is_announced: bool = False


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One change of a guild's settings: when (seconds since the epoch), by whom, and what."""

    at: float
    user_id: int
    action: str
    details: str
