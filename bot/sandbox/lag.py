"""`easel lag`: how long the bot's event loop lets anything wait while workers draw and members use the bot."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

from bot.app import engine_settings, open_app
from bot.sandbox.crowd import Crowd, FirstAnswer
from bot.sandbox.impatient import impatient_env
from bot.sandbox.live_page import SandboxUnavailable, installed_simcord, require_pinned
from bot.sandbox.probe import IDLE, SLOW_S, LoopProbe
from bot.sandbox.world import real_sleep
from bot.settings import LimitSettings, Settings
from engine.api import EngineClient
from engine.folders import MODELS_DIR

WORKERS = 2
WAITING = 4
"""Jobs that always wait, so that no worker is ever idle."""
WATCH_EVERY_S = 0.1
FEWEST_STEPS, MOST_STEPS = 8, 40
LONG_S = 30.0
"""A run of so many seconds, or more, has pictures of MOST_STEPS drawn; a shorter one has not the time for that."""
GOAL_MS = 20.0
_PLACES = 6


@dataclass(frozen=True, slots=True)
class LagOptions:
    """What was typed.

    Args:
        interactions: that members begin.
        seconds: over which they are spread, at random times.
        seed: of all that is random.
        json_file: where to write the figures; None for nowhere.
    """

    interactions: int = 100
    seconds: float = 30.0
    seed: int = 1
    json_file: Path | None = None

    @property
    def most_steps(self) -> int:
        """The steps of the longest pictures that are asked for."""
        return max(FEWEST_STEPS, round(MOST_STEPS * min(1.0, self.seconds / LONG_S)))


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run found.

    Args:
        answers: one for each interaction.
        pictures: delivered meanwhile.
        lags_s: of the loop, one every few milliseconds.
        slow: where the loop was found while it was late, by part and function.
        longest_collection_s: the longest search for garbage, which stops the loop.
        span_s, cpu_s: how long it took, and the bot's processor time in it.
    """

    answers: Sequence[FirstAnswer]
    pictures: int
    lags_s: Sequence[float]
    slow: Counter[str]
    longest_collection_s: float
    span_s: float
    cpu_s: float


async def run_lag(
    options: LagOptions,
    settings: Settings,
    put_models: Callable[[Path, Path], None],
    executors: Sequence[Any] | None = None,
) -> str:
    """Measure, write the figures where they were asked for, and return them as text.

    Args:
        options: how much to measure.
        settings: for what is not the measurement's own; their folders are not touched.
        put_models: given the catalogue's file, fills a models' folder that is not there yet with what members may
            choose beside the built-in model.
        executors: the engine's workers; None for WORKERS processes of one thread each.

    Raises:
        SandboxUnavailable: simcord is missing or another release, or the workers cannot draw.
    """
    require_pinned(installed_simcord())
    with tempfile.TemporaryDirectory(prefix="easel-lag-") as folder:
        settings = _settings(settings, Path(folder))
        engine = engine_settings(settings)
        put_models(engine.models_file, engine.models_dir)
        measured = await _measure(options, settings, executors)
    data = as_data(options, measured)
    if options.json_file:
        options.json_file.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    return as_text(data)


def _settings(settings: Settings, folder: Path) -> Settings:
    """Return settings under which nothing but the machine limits what is drawn."""
    own = {"devices": ["cpu"], "workers_per_device": WORKERS, "threads": 1, "models_dir": folder / MODELS_DIR}
    engine = {**settings.engine, **own}
    limits = LimitSettings(
        **{**settings.limits.model_dump(), "pictures_per_day": 100_000, "pictures_at_once": 1_000, "most_steps": 50}
    )
    return settings.model_copy(update={"data_dir": folder, "engine": engine, "limits": limits})


async def _measure(options: LagOptions, settings: Settings, executors: Sequence[Any] | None) -> Measured:
    probe = LoopProbe(asyncio.get_running_loop())
    async with open_app(settings, sleep=real_sleep, executors=executors) as app:
        env = impatient_env(app.build_bot())
        await env.start()
        env.is_impatient = True
        crowd = Crowd(env, Random(options.seed), options.most_steps)
        try:
            await _until_ready(app.engine, len(executors) if executors else WORKERS)
            async with _kept_busy(app.engine, crowd):
                await _until_busy(app.engine, crowd)
                return await _with_probe(probe, options, app.engine, crowd)
        finally:
            await env.shutdown()


async def _with_probe(probe: LoopProbe, options: LagOptions, engine: EngineClient, crowd: Crowd) -> Measured:
    """Measure until everyone is answered and a picture was delivered: without one nothing was drawn meanwhile."""
    pictures, began_s, cpu_s = crowd.pictures, time.perf_counter(), time.process_time()
    probe.start()
    answers = await _arrivals(options, crowd)
    await _until(engine, lambda: crowd.pictures > pictures)
    await probe.stop()
    return Measured(
        answers,
        crowd.pictures - pictures,
        probe.lags_s,
        probe.slow,
        max(probe.collected_s, default=0.0),
        time.perf_counter() - began_s,
        time.process_time() - cpu_s,
    )


async def _arrivals(options: LagOptions, crowd: Crowd) -> list[FirstAnswer]:
    random = Random(options.seed)
    at_s = sorted(random.uniform(0, options.seconds) for _ in range(options.interactions))
    zero_s = time.perf_counter()

    async def arrive(due_s: float) -> FirstAnswer:
        await asyncio.sleep(zero_s + due_s - time.perf_counter())
        return await crowd.act()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(arrive(due_s)) for due_s in at_s]
    return [task.result() for task in tasks]


async def _until_ready(engine: EngineClient, workers: int) -> None:
    await _until(engine, lambda: engine.status().workers >= workers)


async def _until_busy(engine: EngineClient, crowd: Crowd) -> None:
    """Wait until jobs wait behind busy workers and there are pictures whose buttons can be pressed."""
    await _until(engine, lambda: engine.status().queued >= WAITING and crowd.pictures > 0)


async def _until(engine: EngineClient, holds: Callable[[], bool]) -> None:
    while not holds():
        if trouble := engine.status().trouble:
            raise SandboxUnavailable(trouble)
        await asyncio.sleep(WATCH_EVERY_S)


@asynccontextmanager
async def _kept_busy(engine: EngineClient, crowd: Crowd) -> AsyncIterator[None]:
    """Ask for pictures whenever too few jobs wait."""

    async def ask() -> None:
        while True:
            if engine.status().queued < WAITING:
                await crowd.ask_for_pictures(count=4)
            else:
                await asyncio.sleep(WATCH_EVERY_S)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


def as_data(options: LagOptions, measured: Measured) -> dict[str, Any]:
    """Return a run's figures for a JSON file; times in milliseconds."""
    waits_ms = [1000 * each.wait_s for each in measured.answers if each.wait_s is not None]
    looks = measured.slow.total()
    return {
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "seed": options.seed,
        "seconds": measured.span_s,
        "bot_cpu_share": measured.cpu_s / measured.span_s,
        "lag_ms": _percentiles([1000 * lag_s for lag_s in measured.lags_s]),
        "lag_measured": len(measured.lags_s),
        "interactions": dict(Counter(each.kind for each in measured.answers)),
        "answered": len(waits_ms),
        "first_answer_ms": _percentiles(waits_ms),
        "pictures_delivered": measured.pictures,
        "longest_collection_ms": 1000 * measured.longest_collection_s,
        "slow_looks": looks,
        "slow_share_by_part": _shares(_by_part(measured.slow), looks),
        "slow_share_by_place": _shares(measured.slow, looks),
    }


def as_text(data: dict[str, Any]) -> str:
    """Return a run's figures for people."""
    lag, answer, asked = data["lag_ms"], data["first_answer_ms"], sum(data["interactions"].values())
    kinds = ", ".join(f"{count} {kind}" for kind, count in data["interactions"].items())
    lines = [
        f"{data['seconds']:.0f} s on {data['cores']} cores beside {WORKERS} busy workers of one thread; "
        f"the bot took {data['bot_cpu_share']:.0%} of a core",
        f"Event loop lag, measured {data['lag_measured']} times: p50 {lag['p50']:.1f} ms, p95 {lag['p95']:.1f} ms, "
        f"p99 {lag['p99']:.1f} ms (goal: {GOAL_MS:.0f}), max {lag['max']:.1f} ms",
        f"{data['answered']} of {asked} interactions answered ({kinds}); first answer: p50 {answer['p50']:.0f} ms, "
        f"p99 {answer['p99']:.0f} ms",
        f"{data['pictures_delivered']} pictures delivered; the longest search for garbage took "
        f"{data['longest_collection_ms']:.1f} ms",
    ]
    if data["slow_looks"]:
        lines += [
            f"While the loop was later than {1000 * SLOW_S:.0f} ms it was found ({data['slow_looks']} looks) in",
            *(f"  {share:4.0%}  {part}" for part, share in data["slow_share_by_part"].items()),
            "most often",
            *(f"  {share:4.0%}  {place}" for place, share in list(data["slow_share_by_place"].items())[:_PLACES]),
        ]
    return "\n".join(lines)


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values) or [float("nan")]
    cuts = quantiles(ordered, n=100, method="inclusive") if len(ordered) > 1 else ordered * 99
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": ordered[-1]}


def _by_part(slow: Counter[str]) -> Counter[str]:
    parts: Counter[str] = Counter()
    for place, looks in slow.items():
        parts[place if place == IDLE else place.partition(".")[0]] += looks
    return parts


def _shares(counts: Counter[str], total: int) -> dict[str, float]:
    return {name: count / total for name, count in counts.most_common()}
