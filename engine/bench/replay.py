"""Send a trace to a contender at its times, and write down what came of each request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from engine.api import GenerationRequest
from engine.bench.machine import Running, Served, now_s
from engine.bench.trace import Visit
from engine.wire.shared_counters import Counts

_runs = count(1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request's times, in seconds since the replay's start, and its picture.

    Args:
        visit: the request.
        due_s: when it was to come; waiting is counted from there, also where it was sent late.
        started_s: when a worker began with it.
        ended_s: when its result was there.
        sha256: of the picture's pixels; None when the gate held it back.
        png: the picture.
    """

    visit: Visit
    due_s: float
    started_s: float
    ended_s: float
    sha256: str | None
    png: bytes | None


@dataclass(frozen=True, slots=True)
class Replay:
    """A trace served by a contender.

    Args:
        outcomes: in the trace's order.
        counts: what the worker did meanwhile.
    """

    outcomes: Sequence[Outcome]
    counts: Counts


async def replay(running: Running, trace: Sequence[Visit], per_s: float | None) -> Replay:
    """Send a trace and wait for all its results.

    Args:
        running: who serves it.
        trace: the requests.
        per_s: requests per second on average; None for all at once.
    """
    run, before = next(_runs), running.tally.read()
    served: dict[int, Served] = {}
    zero_s = now_s()

    async def visit_at(number: int, visit: Visit, due_s: float) -> None:
        await asyncio.sleep(zero_s + due_s - now_s())
        served[number] = await running.draw(_request(visit, f"{run}-{number}"))

    due_s = [visit.at / per_s if per_s else 0.0 for visit in trace]
    async with asyncio.TaskGroup() as group:
        for number, visit in enumerate(trace):
            group.create_task(visit_at(number, visit, due_s[number]))
    outcomes = [_outcome(visit, due_s[number], zero_s, served[number]) for number, visit in enumerate(trace)]
    running.heard.clear()
    return Replay(outcomes, running.tally.read().since(before))


def _request(visit: Visit, job_id: str) -> GenerationRequest:
    return GenerationRequest(visit.recipe, job_id, 1, time.time(), visit.tenant, previews=False)


def _outcome(visit: Visit, due_s: float, zero_s: float, served: Served) -> Outcome:
    image = served.result.image
    return Outcome(
        visit,
        due_s,
        served.started_s - zero_s,
        served.ended_s - zero_s,
        image.sha256 if image else None,
        image.data if image else None,
    )
