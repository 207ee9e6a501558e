"""How fast a worker draws, learned from what it finished."""

from __future__ import annotations

NEWEST_SHARE = 0.3


class StepRate:
    """An exponential average of row-steps per second."""

    def __init__(self) -> None:
        self._per_s: float | None = None

    def learn(self, row_steps: float, seconds: float) -> None:
        """Take one finished job into the average. A job that took no measurable time teaches nothing."""
        if seconds <= 0:
            return
        newest = row_steps / seconds
        self._per_s = newest if self._per_s is None else self._per_s + NEWEST_SHARE * (newest - self._per_s)

    def seconds_for(self, row_steps: float) -> float | None:
        """Return how long this much work should take; None before the first finished job."""
        return None if self._per_s is None else row_steps / self._per_s
