"""The measurements of one model: every contender with all requests at once, at four loads, and Easel's own promises.

Whatever is compared is measured in one run, in turns: the contenders' workers all stay up, an idle one does nothing,
and each round begins with another of them.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median

from engine.api import ModelInfo
from engine.bench.figures import Figures, Likeness, figures, likeness, percentile, span_s
from engine.bench.machine import Machine, Running, open_ceiling, open_contender
from engine.bench.newcomer import newcomer_waits
from engine.bench.replay import Outcome, Replay, replay
from engine.bench.trace import FLOODER, Visit, make_trace, of_one_model, with_flooder
from engine.settings import Service
from engine.worker.bench.contenders import Contender
from engine.worker.bench.tally import Counts

LOADS = (0.5, 0.9, 1.4, 2.0)
ROUNDS = 3
NEWCOMERS = 3
FLOOD_SHARE = 0.6
FLOOD_LOAD = 1.4
PILOT = 6
FEWEST, MOST = 16, 1000
SPANS_A_RUN = 40
"""How many times a whole run takes as long as one load, about."""
CEILING_S = 2.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure.

    Args:
        minutes: that one model may take, about.
        seed: of the trace.
        service: Easel's class of service on this device, whose figures are the headline.
        profile: whether to find out where Easel's time goes.
        rounds: how often every contender has all requests at once.
    """

    minutes: float
    seed: int
    service: Service
    profile: bool = False
    rounds: int = ROUNDS

    @property
    def own(self) -> Contender:
        """Easel, in the class of service that is the headline."""
        return Contender(self.service)


@dataclass(frozen=True, slots=True)
class Flood:
    """The other tenants' 95th percentile of latency, without and with one who sends FLOOD_SHARE of the traffic."""

    alone_p95_s: float
    flooded_p95_s: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Where a worker's time went; `span_s` is by the clock."""

    counts: Counts
    span_s: float


@dataclass(frozen=True, slots=True)
class Contest:
    """What was measured of one model.

    Args:
        model: its id.
        threads: CPU threads of each contender.
        requests: of the trace at the highest load; lower ones have fewer, so that all last equally long.
        capacity_per_s: requests per second of stock diffusers, one after the other.
        row_ceiling: rows per second in calls of 16 over rows per second in calls of 2.
        unet_share: of stock diffusers' time for a picture, the part inside the UNet.
        rounds: with all requests at once, by contender, one each round.
        loads: by load, then by contender.
        likeness: by contender, over all its pictures.
        newcomer_waits: UNet calls that each newcomer waited for.
        flood: how the others fared beside a flooder.
        profile: what Easel's worker did with all requests at once, and how long it took; None if that was not asked.
    """

    model: str
    threads: int
    requests: int
    capacity_per_s: float
    row_ceiling: float
    unet_share: float
    rounds: Mapping[Contender, Sequence[Figures]]
    loads: Mapping[float, Mapping[Contender, Figures]]
    likeness: Mapping[Contender, Likeness]
    newcomer_waits: Sequence[int]
    flood: Flood
    profile: Profile | None


async def hold_contest(machine: Machine, models: Sequence[ModelInfo], plan: Plan, say: Say) -> Contest:
    """Measure one model.

    Args:
        machine: what to measure on.
        models: ids over the same weights; the first is asked for most.
        plan: how much to measure.
        say: takes a line about what is going on.

    Raises:
        BenchError: a process ended, or a request failed.
    """
    async with AsyncExitStack() as stack:
        say(f"{models[0].id}: starting {len(Contender)} workers")
        ceiling = await stack.enter_async_context(open_ceiling(machine, CEILING_S))
        contenders = [await stack.enter_async_context(open_contender(each, machine)) for each in Contender]
        profiled = None
        if plan.profile:
            profiled = await stack.enter_async_context(open_contender(plan.own, machine, profile=True))
        return await _Contest(contenders, ceiling, profiled, models, plan, machine.threads, say).hold()


class _Contest:
    def __init__(
        self,
        contenders: Sequence[Running],
        ceiling: Callable[[], Awaitable[float]],
        profiled: Running | None,
        models: Sequence[ModelInfo],
        plan: Plan,
        threads: int,
        say: Say,
    ) -> None:
        self._contenders = contenders
        self._ceiling = ceiling
        self._profiled = profiled
        self._models = models
        self._plan = plan
        self._threads = threads
        self._say = say
        self._outcomes: dict[Contender, list[Outcome]] = {running.contender: [] for running in contenders}

    async def hold(self) -> Contest:
        name = self._models[0].id
        await self._warm_up()
        trace = make_trace(self._models, await self._affordable(), self._plan.seed)
        span = trace[: round(len(trace) / LOADS[-1])]  # what stock diffusers can do while one load lasts
        self._say(f"{name}: {len(span)} requests, all at once, {self._plan.rounds} rounds")
        rounds, ceilings, unet_shares = await self._rounds(of_one_model(span, self._models[0]))
        capacity_per_s = median(each.images_per_s for each in rounds[Contender.SEQUENTIAL])
        loads = {load: await self._load(trace[: round(load * len(span))], load, capacity_per_s) for load in LOADS}
        stock = {each.visit.recipe.images[0].seed: each for each in self._outcomes[Contender.SEQUENTIAL]}
        likenesses = {contender: likeness(outcomes, stock) for contender, outcomes in self._outcomes.items()}
        return Contest(
            model=name,
            threads=self._threads,
            requests=len(trace),
            capacity_per_s=capacity_per_s,
            row_ceiling=median(ceilings),
            unet_share=median(unet_shares),
            rounds=rounds,
            loads=loads,
            likeness=likenesses,
            newcomer_waits=await self._newcomers(),
            flood=await self._flood(span, capacity_per_s),
            profile=await self._profile(of_one_model(span, self._models[0])),
        )

    def _in_turn(self, turn: int) -> list[Running]:
        first = turn % len(self._contenders)
        return [*self._contenders[first:], *self._contenders[:first]]

    async def _warm_up(self) -> None:
        """Draw a little of everything, so that what is done once, such as proofs, is done."""
        visits = make_trace(self._models, 2 * PILOT, self._plan.seed + 1)
        for running in (*self._contenders, *((self._profiled,) if self._profiled else ())):
            for info in self._models:
                await replay(running, of_one_model(visits, info)[: PILOT if info is self._models[0] else 1], None)

    async def _affordable(self) -> int:
        """Return how many requests a trace may have for the run to end in time; each load lasts equally long."""
        stock = next(running for running in self._contenders if running.contender is Contender.SEQUENTIAL)
        pilot = of_one_model(make_trace(self._models, PILOT, self._plan.seed), self._models[0])
        per_s = PILOT / span_s((await replay(stock, pilot, None)).outcomes)
        load_s = 60 * self._plan.minutes / SPANS_A_RUN
        return min(max(math.floor(LOADS[-1] * load_s * per_s), FEWEST), MOST)

    async def _rounds(self, trace: Sequence[Visit]) -> tuple[dict[Contender, list[Figures]], list[float], list[float]]:
        """Return each contender's figures of every round, and each round's row ceiling and stock's UNet share."""
        rounds: dict[Contender, list[Figures]] = {running.contender: [] for running in self._contenders}
        ceilings, unet_shares = [], []
        for turn in range(self._plan.rounds):
            ceilings.append(await self._ceiling())
            for running in self._in_turn(turn):
                done = await self._replay(running, trace, None)
                rounds[running.contender].append(figures(done))
                if running.contender is Contender.SEQUENTIAL:
                    unet_shares.append(done.counts.unet_s / span_s(done.outcomes))
        return rounds, ceilings, unet_shares

    async def _load(self, trace: Sequence[Visit], load: float, capacity_per_s: float) -> dict[Contender, Figures]:
        self._say(f"{self._models[0].id}: {load:g} times what stock diffusers can do")
        turns = self._in_turn(LOADS.index(load))
        return {
            running.contender: figures(await self._replay(running, trace, load * capacity_per_s)) for running in turns
        }

    async def _replay(self, running: Running, trace: Sequence[Visit], per_s: float | None) -> Replay:
        done = await replay(running, trace, per_s)
        self._outcomes[running.contender] += done.outcomes
        return done

    async def _newcomers(self) -> list[int]:
        self._say(f"{self._models[0].id}: a newcomer behind a full batch")
        own = self._own()
        return [await newcomer_waits(own, self._models[0]) for _ in range(NEWCOMERS)]

    async def _flood(self, trace: Sequence[Visit], capacity_per_s: float) -> Flood:
        self._say(f"{self._models[0].id}: one tenant sends {FLOOD_SHARE:.0%} of the traffic")
        others_per_s = FLOOD_LOAD * (1 - FLOOD_SHARE) * capacity_per_s
        alone = await replay(self._own(), trace, others_per_s)
        flooded = await replay(self._own(), with_flooder(trace, FLOOD_SHARE, self._plan.seed), others_per_s)
        return Flood(others_p95_s(alone), others_p95_s(flooded))

    async def _profile(self, trace: Sequence[Visit]) -> Profile | None:
        if self._profiled is None:
            return None
        await replay(self._profiled, trace[:1], None)  # ends its idle time so far, which would count otherwise
        done = await replay(self._profiled, trace, None)
        return Profile(done.counts, span_s(done.outcomes))

    def _own(self) -> Running:
        return next(running for running in self._contenders if running.contender is self._plan.own)


def others_p95_s(done: Replay) -> float:
    """Return the 95th percentile of latency over all tenants but the flooder."""
    return percentile(
        [each.ended_s - each.due_s for each in done.outcomes if each.visit.tenant != FLOODER],
        95,
    )
