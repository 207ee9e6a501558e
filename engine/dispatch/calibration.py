"""How far off the ETAs were, and the correction that follows."""

from __future__ import annotations

import logging
from collections import deque
from statistics import median, quantiles

from engine.api import EtaRatio
from engine.dispatch.jobs import Promise

REMEMBERED = 200
FEWEST = 10
FURTHEST = 4.0
LOG_EVERY = 20

log = logging.getLogger(__name__)


class Calibration:
    """What jobs were told of their end against when they ended, and the correction that follows from it."""

    def __init__(self) -> None:
        self._of_raw: deque[float] = deque(maxlen=REMEMBERED)
        self._of_told: deque[float] = deque(maxlen=REMEMBERED)
        self._learned = 0
        self._factor = 1.0

    def promise(self, raw_s: float, now_s: float) -> Promise:
        """Return what to tell a job: the forecast times the median of actual over forecast."""
        return Promise(now_s, raw_s, raw_s * self._factor)

    def learn(self, promise: Promise, now_s: float) -> None:
        """Take in a job that finished."""
        if promise.raw_s <= 0:
            return
        actual_s = now_s - promise.at_s
        self._of_raw.append(actual_s / promise.raw_s)
        self._of_told.append(actual_s / promise.told_s)
        self._learned += 1
        if self._learned >= FEWEST:
            self._factor = min(max(median(self._of_raw), 1 / FURTHEST), FURTHEST)
        if (ratio := self.ratio()) and self._learned % LOG_EVERY == 0:
            log.info(
                "jobs took %.2f times as long as they were told (p95 %.2f); the last %.1f s, told %.1f s",
                ratio.p50,
                ratio.p95,
                actual_s,
                promise.told_s,
            )

    def ratio(self) -> EtaRatio | None:
        """Return actual over told of the last jobs; None before there are two."""
        if len(self._of_told) < 2:
            return None
        cuts = quantiles(self._of_told, n=20, method="inclusive")
        return EtaRatio(cuts[9], cuts[18], len(self._of_told))
