"""The measurements of one model: every contender with all requests at once, at four loads, and Easel's own promises.

Whatever is compared is measured in one run, in turns: the contenders' workers all stay up, an idle one does nothing,
and each round begins with another of them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from engine.api import ModelInfo
from engine.bench.contest_plan import FLOOD_LOAD, FLOOD_SHARE, MOST, ContestPlan
from engine.bench.figures import Figures, Likeness, figures, likeness, percentile, span_s
from engine.bench.machine import Machine, Running, open_ceiling, open_contender
from engine.bench.newcomer import newcomer_waits
from engine.bench.replay import Outcome, Replay, replay
from engine.bench.trace import FLOODER, Visit, make_trace, of_one_model, with_flooder
from engine.wire.contenders import Contender
from engine.wire.shared_counters import Counts

STARTED_AT_ONCE = 2

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Flood:
    """The other tenants' 95th percentile of latency, without and with one who sends FLOOD_SHARE of the traffic."""

    alone_p95_s: float
    flooded_p95_s: float


@dataclass(frozen=True, slots=True)
class TimeProfile:
    """Where a worker's time went; `span_s` is by the clock."""

    counts: Counts
    span_s: float


@dataclass(frozen=True, slots=True)
class Contest:
    """What was measured of one model.

    Args:
        model: its id.
        threads: CPU threads of each contender.
        requests: of the trace; lower loads have fewer.
        capacity_per_s: requests per second of stock diffusers, one after the other.
        row_ceiling: rows per second in calls of 16 over rows per second in calls of 2.
        unet_share: of stock diffusers' time for a picture, the part inside the UNet.
        rounds: with all requests at once, by contender, one each round.
        loads: by load, then by contender.
        likeness: by contender, over all its pictures.
        newcomer_waits: steps of the others that each newcomer waited for.
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
    profile: TimeProfile | None


async def hold_contest(machine: Machine, models: Sequence[ModelInfo], plan: ContestPlan, say: Say) -> Contest:
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
        ceiling = await stack.enter_async_context(open_ceiling(machine, plan.ceiling_s))
        profiled = [open_contender(plan.own, machine, profile=True)] if plan.profile else []
        running = await _open_all(stack, [*(open_contender(each, machine) for each in Contender), *profiled])
        contenders = running[: len(Contender)]
        return await _Contest(
            contenders, ceiling, running[-1] if profiled else None, models, plan, machine.threads, say
        ).hold()


async def _open_all(stack: AsyncExitStack, wanted: Sequence[AbstractAsyncContextManager[T]]) -> list[T]:
    """Open several at a time: a start takes seconds of one core."""
    may_start = asyncio.Semaphore(STARTED_AT_ONCE)

    async def open_one(one: AbstractAsyncContextManager[T]) -> T:
        async with may_start:
            return await stack.enter_async_context(one)

    async with asyncio.TaskGroup() as group:
        opening = [group.create_task(open_one(each)) for each in wanted]
    return [each.result() for each in opening]


class _Contest:
    def __init__(
        self,
        contenders: Sequence[Running],
        ceiling: Callable[[], Awaitable[float]],
        profiled: Running | None,
        models: Sequence[ModelInfo],
        plan: ContestPlan,
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
        span = await self._span()
        counts = {load: self._plan.requests_at(load, span) for load in self._plan.loads}
        together, count = self._plan.at_once(span, self._own().rows // 2)
        trace = make_trace(self._models, max(together, *counts.values()), self._plan.seed)
        at_once = of_one_model(trace[:together], self._models[0])
        self._say(f"{name}: {together} requests, all at once; rounds: {count}")
        rounds, ceilings, unet_shares = await self._rounds(at_once, count)
        capacity_per_s = median(each.images_per_s for each in rounds[Contender.SEQUENTIAL])
        loads = {load: await self._load(trace[:each], load, capacity_per_s) for load, each in counts.items()}
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
            profile=await self._profile(at_once),
        )

    def _in_turn(self, turn: int) -> list[Running]:
        first = turn % len(self._contenders)
        return [*self._contenders[first:], *self._contenders[:first]]

    async def _warm_up(self) -> None:
        """Draw a little of everything, so that what is done once, such as proofs, is done."""
        visits = make_trace(self._models, 2 * self._plan.pilot, self._plan.seed + 1)
        for running in (*self._contenders, *((self._profiled,) if self._profiled else ())):
            for info in self._models:
                count = self._plan.pilot if info is self._models[0] else 1
                await replay(running, of_one_model(visits, info)[:count], None)

    async def _span(self) -> int:
        """Return how many requests stock diffusers can serve while one load lasts, for the run to end in time."""
        stock = next(running for running in self._contenders if running.contender is Contender.SEQUENTIAL)
        pilot = of_one_model(make_trace(self._models, self._plan.pilot, self._plan.seed), self._models[0])
        per_s = self._plan.pilot / span_s((await replay(stock, pilot, None)).outcomes)
        return min(max(math.floor(60 * self._plan.minutes / self._plan.spans * per_s), self._plan.fewest), MOST)

    async def _rounds(
        self, trace: Sequence[Visit], count: int
    ) -> tuple[dict[Contender, list[Figures]], list[float], list[float]]:
        """Return each contender's figures of every round, and each round's row ceiling and stock's UNet share."""
        rounds: dict[Contender, list[Figures]] = {running.contender: [] for running in self._contenders}
        ceilings, unet_shares = [], []
        for turn in range(count):
            ceilings.append(await self._ceiling())
            for running in self._in_turn(turn):
                done = await self._replay(running, trace, None)
                rounds[running.contender].append(figures(done))
                if running.contender is Contender.SEQUENTIAL:
                    unet_shares.append(done.counts.unet_s / span_s(done.outcomes))
        return rounds, ceilings, unet_shares

    async def _load(self, trace: Sequence[Visit], load: float, capacity_per_s: float) -> dict[Contender, Figures]:
        self._say(f"{self._models[0].id}: {load:g} times what stock diffusers can do")
        turns = self._in_turn(self._plan.loads.index(load))
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
        return [await newcomer_waits(own, self._models[0]) for _ in range(self._plan.rounds)]

    async def _flood(self, count: int, capacity_per_s: float) -> Flood:
        """Measure several traces: the 95th percentile of one is decided by a handful of its requests."""
        self._say(f"{self._models[0].id}: one tenant sends {FLOOD_SHARE:.0%} of the traffic")
        others_per_s = FLOOD_LOAD * (1 - FLOOD_SHARE) * capacity_per_s
        alone: list[Outcome] = []
        flooded: list[Outcome] = []
        for seed in range(self._plan.seed, self._plan.seed + self._plan.rounds):
            trace = make_trace(self._models, count, seed)
            alone += (await replay(self._own(), trace, others_per_s)).outcomes
            flooded += (await replay(self._own(), with_flooder(trace, FLOOD_SHARE, seed), others_per_s)).outcomes
        return Flood(others_p95_s(alone), others_p95_s(flooded))

    async def _profile(self, trace: Sequence[Visit]) -> TimeProfile | None:
        if self._profiled is None:
            return None
        await replay(self._profiled, trace[:1], None)  # ends its idle time so far, which would count otherwise
        done = await replay(self._profiled, trace, None)
        return TimeProfile(done.counts, span_s(done.outcomes))

    def _own(self) -> Running:
        return next(running for running in self._contenders if running.contender is self._plan.own)


def others_p95_s(outcomes: Sequence[Outcome]) -> float:
    """Return the 95th percentile of latency over all tenants but the flooder."""
    return percentile([each.ended_s - each.due_s for each in outcomes if each.visit.tenant != FLOODER], 95)
