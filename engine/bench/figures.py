"""Numbers from replays: speed, waiting, fairness, and how near the pictures are to stock diffusers'."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles

import numpy as np
from PIL import Image

from engine.bench.replay import Outcome, Replay


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a contender's pictures compare with stock diffusers' of the same requests.

    Args:
        pictures: compared.
        withheld: that the gate let out on one side only.
        equal: share that are equal in every bit.
        psnr_db: median of those that are not, in decibels; None when all are equal.
        worst_psnr_db: the lowest.
    """

    pictures: int
    withheld: int
    equal: float
    psnr_db: float | None
    worst_psnr_db: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One replay in numbers; times in seconds.

    Args:
        images_per_s: from the first request's time to the last result.
        p50_s, p95_s, p99_s: from a request's time to its result.
        queue_p50_s, queue_p95_s: from a request's time until a worker began with it.
        jain: fairness over tenants of the speed that each saw.
        rows_per_step: rows of a UNet call, on average, padding included.
        cpu_s_per_image: processor time of the worker.
    """

    images_per_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    queue_p50_s: float
    queue_p95_s: float
    jain: float
    rows_per_step: float
    cpu_s_per_image: float


def figures(replay: Replay) -> Figures:
    """Return a replay's numbers."""
    outcomes, counts = replay.outcomes, replay.counts
    latencies = [outcome.ended_s - outcome.due_s for outcome in outcomes]
    queued = [outcome.started_s - outcome.due_s for outcome in outcomes]
    return Figures(
        images_per_s=len(outcomes) / span_s(outcomes),
        p50_s=percentile(latencies, 50),
        p95_s=percentile(latencies, 95),
        p99_s=percentile(latencies, 99),
        queue_p50_s=percentile(queued, 50),
        queue_p95_s=percentile(queued, 95),
        jain=jain(speeds(outcomes)),
        rows_per_step=counts.rows / counts.calls,
        cpu_s_per_image=counts.cpu_s / len(outcomes),
    )


def span_s(outcomes: Sequence[Outcome]) -> float:
    """Return the time from the first request to the last result."""
    return max(outcome.ended_s for outcome in outcomes) - min(outcome.due_s for outcome in outcomes)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile, interpolated between the two nearest values."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def speeds(outcomes: Sequence[Outcome]) -> list[float]:
    """Return the speed that each tenant saw: steps asked for per second until the result, mean over its requests."""
    seen: dict[str, list[float]] = {}
    for outcome in outcomes:
        seen.setdefault(outcome.visit.tenant, []).append(outcome.visit.recipe.steps / (outcome.ended_s - outcome.due_s))
    return [fmean(each) for each in seen.values()]


def jain(values: Sequence[float]) -> float:
    """Return Jain's fairness index: 1 when all values are equal, 1/n when one has everything.

    Source: R. Jain, D. Chiu, W. Hawe, "A quantitative measure of fairness", DEC-TR-301, 1984.
    """
    return sum(values) ** 2 / (len(values) * sum(value**2 for value in values))


def likeness(outcomes: Sequence[Outcome], stock: Mapping[int, Outcome]) -> Likeness:
    """Compare pictures with stock diffusers'.

    Args:
        outcomes: a contender's.
        stock: the stock pipeline's, by the image's seed.
    """
    pairs = [(outcome, stock[outcome.visit.recipe.images[0].seed]) for outcome in outcomes]
    withheld = sum((mine.sha256 is None) != (theirs.sha256 is None) for mine, theirs in pairs)
    drawn = [(mine, theirs) for mine, theirs in pairs if mine.sha256 and theirs.sha256]
    unequal = [psnr_db(mine.png, theirs.png) for mine, theirs in drawn if mine.sha256 != theirs.sha256]
    return Likeness(
        pictures=len(drawn),
        withheld=withheld,
        equal=1 - len(unequal) / len(drawn) if drawn else math.nan,
        psnr_db=median(unequal) if unequal else None,
        worst_psnr_db=min(unequal, default=None),
    )


def psnr_db(one: bytes | None, other: bytes | None) -> float:
    """Return the peak signal-to-noise ratio of two PNG files with 8 bits a colour, in decibels."""
    error = np.mean((_pixels(one) - _pixels(other)) ** 2)
    return 10 * math.log10(255**2 / error) if error else math.inf


def _pixels(png: bytes | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with Image.open(io.BytesIO(png or b"")) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.float64)
