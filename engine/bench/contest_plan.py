"""How much of a model is measured, for the run to end in its time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.settings import Service
from engine.wire.contenders import Contender

LOADS = (0.5, 0.9, 1.4, 2.0)
ROUNDS, FEWEST_ROUNDS = 3, 2
WHOLE_FROM_MINUTES = 1.0
"""A model that has less time is measured in one round, with fewer requests."""
FLOOD_SHARE = 0.6
FLOOD_LOAD = 1.4
FLOOD_SPANS = 1 / (FLOOD_LOAD * (1 - FLOOD_SHARE))
"""How many times as long as a load one stream lasts that comes as the other tenants' requests do beside a flooder."""
PILOT, SHORT_PILOT = 6, 2
FEWEST, SHORT_FEWEST, MOST = 8, 3, 500
FILLS = 4
"""How many times as many requests come at once as there are images in one call, so that most calls are full."""
CEILING_S = 2.0


@dataclass(frozen=True, slots=True)
class ContestPlan:
    """How much to measure.

    Args:
        minutes: that one model may take, about.
        seed: of the trace.
        service: Easel's class of service on this device, whose figures are the headline.
        profile: whether to find out where Easel's time goes.
        loads: at which contenders are measured, in what stock diffusers can do.
    """

    minutes: float
    seed: int
    service: Service
    profile: bool = False
    loads: Sequence[float] = LOADS

    @property
    def is_short(self) -> bool:
        """Whether the time is enough to try the bench out, and no more."""
        return self.minutes < WHOLE_FROM_MINUTES

    @property
    def rounds(self) -> int:
        """How many newcomers and floods come, and how often all requests come at once, unless they are too few."""
        return 1 if self.is_short else ROUNDS

    @property
    def pilot(self) -> int:
        """How many requests are drawn before anything is measured, and again to tell how many can be."""
        return SHORT_PILOT if self.is_short else PILOT

    @property
    def fewest(self) -> int:
        """How many requests there are at least while one load lasts."""
        return SHORT_FEWEST if self.is_short else FEWEST

    @property
    def spans(self) -> float:
        """How many times the whole run takes as long as one load lasts, about; with too much to do, some lag behind."""
        stock_like, easel = 3, 2
        rounds = self.rounds * (stock_like + easel / 2)
        loads = sum((1 + (load > 1.0)) * (stock_like * max(1.0, load) + easel) for load in self.loads)
        return rounds + loads + self.rounds * 2 * FLOOD_SPANS

    def at_once(self, span: int, images: int) -> tuple[int, int]:
        """Return how many requests come at once, and in how many rounds: fewer rounds before too few for full calls.

        One round says little where other programs' work comes and goes. Where two take longer than the time is for, the
        run does.

        Args:
            span: how many stock diffusers can serve while one load lasts.
            images: that one call may have.
        """
        if self.is_short:
            return span, self.rounds
        count = max(span, FILLS * images)
        return count, max(FEWEST_ROUNDS, round(self.rounds * span / count))

    def requests_at(self, load: float, span: int) -> int:
        """Return how many requests come at a load, if stock diffusers can serve `span` of them while most loads last.

        A load of more than stock diffusers can do lasts twice as long, if there is time, so that its queue can build.
        """
        return math.ceil(load * span * (2 if load > 1.0 and not self.is_short else 1))

    @property
    def ceiling_s(self) -> float:
        """How long one measurement of the row ceiling takes."""
        return CEILING_S * min(1.0, self.minutes / WHOLE_FROM_MINUTES)

    @property
    def own(self) -> Contender:
        """Easel, in the class of service that is the headline."""
        return Contender(self.service)
