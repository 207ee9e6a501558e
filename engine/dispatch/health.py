"""What became of a worker's starts, of the worker itself, and of the models it tried to load."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from engine.api import ModelUnavailable, SafetyUnavailable, Trouble

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
FAILURES_IN_A_ROW = 3
FIRST_PAUSE_S = 60.0
FIRST_QUARANTINE_S = 30.0
LONGEST_PAUSE_S = 600.0

log = logging.getLogger(__name__)


class WorkerState(Enum):
    """Where a worker is in its life. Whatever it is, the worker goes on being restarted."""

    STARTING = "starting"
    READY = "ready"
    PAUSED = "paused"
    UNFIT = "unfit"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A model that a worker could not load.

    Args:
        reason: what the worker said.
        failures: how many times in a row.
        until_s: when it may be tried again, on the loop's clock in seconds.
    """

    reason: str
    failures: int
    until_s: float


class Health:
    """One worker's state, with the failures that led to it.

    Args:
        name: of the worker.
    """

    def __init__(self, name: str) -> None:
        self.state = WorkerState.STARTING
        self.reason = ""
        self._name = name
        self._failed_starts = 0
        self._deaths = 0
        self._suspects: set[str] = set()
        self._quarantines: dict[str, Quarantine] = {}

    @property
    def takes_jobs(self) -> bool:
        """Whether jobs may wait for this worker: it draws, or will soon."""
        return self.state in (WorkerState.STARTING, WorkerState.READY, WorkerState.PAUSED)

    @property
    def delay_s(self) -> float:
        """How long to wait before the next start."""
        if self.state is WorkerState.PAUSED:
            return min(FIRST_PAUSE_S * 2.0 ** (self._deaths - FAILURES_IN_A_ROW), LONGEST_PAUSE_S)
        return min(FIRST_DELAY_S * 2.0**self._failed_starts, LONGEST_DELAY_S)

    def started(self) -> None:
        """The worker is ready."""
        self.state, self.reason, self._failed_starts = WorkerState.READY, "", 0

    def start_failed(self, state: WorkerState, reason: str) -> None:
        """The worker did not become ready; `state` is what it is from now on, if that is sure."""
        log.error("worker %s could not be started: %s", self._name, reason)
        self._failed_starts += 1
        if state is WorkerState.UNFIT or self._failed_starts >= FAILURES_IN_A_ROW:
            self.state, self.reason = state, reason

    def died(self, reason: str, drawing: Collection[str]) -> None:
        """The worker was ready and is gone. Three times in a row while drawing is no accident.

        A job that is drawn again and again and always ends its worker counts once: that is the job's fault.

        Args:
            reason: why it ended, as far as is known.
            drawing: ids of the jobs it drew.
        """
        log.warning("worker %s is gone: %s", self._name, reason)
        if drawing and self._suspects.isdisjoint(drawing):
            self._deaths += 1
        self._suspects.update(drawing)
        if not drawing or self._deaths < FAILURES_IN_A_ROW:
            self.state = WorkerState.STARTING
            return
        self.state = WorkerState.PAUSED
        self.reason = f"it ended {self._deaths} times in a row while drawing, last: {reason}"
        log.error("worker %s is paused for %g s: %s", self._name, self.delay_s, self.reason)

    def drew(self, model: str) -> None:
        """The worker finished a job."""
        self._deaths = 0
        self._suspects.clear()
        self._quarantines.pop(model, None)

    def model_failed(self, model: str, reason: str, now_s: float) -> None:
        """The worker could not load a model; it is not asked to again for a while."""
        failures = 1 + (self._quarantines[model].failures if model in self._quarantines else 0)
        pause_s = min(FIRST_QUARANTINE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S)
        self._quarantines[model] = Quarantine(reason, failures, now_s + pause_s)
        log.error("worker %s cannot load %s, next try in %g s: %s", self._name, model, pause_s, reason)

    def why_not(self, model: str, now_s: float) -> str:
        """Return why the worker cannot load the model; empty when it may be tried."""
        quarantine = self._quarantines.get(model)
        return quarantine.reason if quarantine and now_s < quarantine.until_s else ""

    def troubles(self) -> list[Trouble]:
        """Return what its owner should know."""
        told = []
        reason, about = self.reason.rstrip("."), f"worker {self._name}"
        if self.state is WorkerState.UNFIT:
            told.append(Trouble(about, SafetyUnavailable(reason).sentence()))
        elif self.state is WorkerState.BROKEN:
            told.append(Trouble(about, f"The worker {self._name} cannot be started: {reason}."))
        elif self.state is WorkerState.PAUSED:
            told.append(Trouble(about, f"The worker {self._name} is paused: {reason}."))
        for model, each in self._quarantines.items():
            told.append(Trouble(f"model {model} on {self._name}", ModelUnavailable(model, each.reason).sentence()))
        return told
