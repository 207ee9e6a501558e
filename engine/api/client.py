"""The port through which the bot reaches the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from engine.api.events import Event
from engine.api.models import ModelInfo
from engine.api.requests import GenerationRequest, Recipe


class Job(Protocol):
    """One submitted request. Iterating yields its events once, ending after the final one."""

    @property
    def job_id(self) -> str:
        """The ledger's id, as in the request."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    def cancel(self) -> None:
        """Ask for the job to end. Its stream still ends with one final event, usually Cancelled."""


@dataclass(frozen=True, slots=True)
class EtaRatio:
    """Seconds that jobs took over seconds they were told: median and 95th percentile of the last `jobs` jobs."""

    p50: float
    p95: float
    jobs: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that keeps a worker, or a model, from drawing.

    Args:
        about: what is in trouble, e.g. "worker cpu-0"; the same for as long as it is.
        sentence: what is wrong, for the owner; it may change meanwhile.
    """

    about: str
    sentence: str


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How the engine is.

    Args:
        workers: those that draw, or could at once.
        queued, running: jobs.
        troubles: what keeps workers or models from drawing; empty when all is well.
        eta_ratio: how right the ETAs were; None before any could be compared.
    """

    workers: int
    queued: int
    running: int
    troubles: tuple[Trouble, ...] = ()
    eta_ratio: EtaRatio | None = None

    @property
    def trouble(self) -> str:
        """What is wrong, in plain sentences; empty when all is well."""
        return " ".join(dict.fromkeys(each.sentence for each in self.troubles))


class EngineClient(Protocol):
    """What the bot may ask of the engine. Every method returns at once; waiting happens on a Job's events."""

    def models(self) -> tuple[ModelInfo, ...]:
        """Return the models that can be drawn with, the default model first."""

    def check(self, recipe: Recipe, tenant: str | None = None) -> None:
        """Raise what `submit` would raise for this recipe now, without queueing anything.

        Args:
            recipe: what would be asked for.
            tenant: for whom, as in the request; None leaves out what concerns one tenant.

        Raises:
            Refused, Unavailable: see `engine.api.errors`.
        """

    def submit(self, request: GenerationRequest) -> Job:
        """Queue a request.

        Raises:
            Refused, Unavailable: as in `check`; nothing was queued.
        """

    def status(self) -> EngineStatus:
        """Return a snapshot for operators and /quota."""
