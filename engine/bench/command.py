"""`easel bench`: its options, and the order of its measurements."""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from engine.bench.contest import Contest, hold_contest
from engine.bench.contest_plan import LOADS, ContestPlan
from engine.bench.machine import BenchError, Machine
from engine.bench.models import RANDOM, RANDOM_PREFIX, is_made, write_catalogue
from engine.bench.plot import draw_plot
from engine.bench.report import RATIO_LOAD, as_data, as_text
from engine.catalog import load_catalog
from engine.command_line import DONE, FAILED, above_zero, whole_from_one
from engine.settings import EngineSettings, WorkerSpec
from engine.wire.contenders import TINY

DEFAULT_MODELS = ("pocket", TINY)
MINUTES = 30.0
TINY_THREADS = 1
"""Handing so little to a second thread takes longer than doing it: four times as long, measured on two cores."""
SEED = 1

_VERSIONED = ("diffusers", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What was typed.

    Args:
        models: ids of the catalogue, TINY, or shapes for random weights.
        minutes: the whole run may take, about.
        seed: of the requests.
        loads: to measure at, in what stock diffusers can do.
        profile: whether to say where Easel's time goes.
        device, threads: of every worker; None for those of the settings, and TINY_THREADS for TINY.
        json_file, plot_file: where to write the figures and the plot; None for nowhere.
    """

    models: Sequence[str] = DEFAULT_MODELS
    minutes: float = MINUTES
    seed: int = SEED
    loads: Sequence[float] = LOADS
    device: str | None = None
    threads: int | None = None
    profile: bool = False
    json_file: Path | None = None
    plot_file: Path | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the bench's options to its parser."""
    parser.add_argument(
        "--model",
        action="append",
        dest="models",
        metavar="ID",
        help=f"a model of the catalogue, or {TINY}: one so small that overhead is all; again for more "
        f"(default: {', '.join(DEFAULT_MODELS)})",
    )
    parser.add_argument(
        "--random-weights",
        choices=tuple(RANDOM),
        action="append",
        default=[],
        help="a public model's shape, without its weights",
    )
    parser.add_argument("--minutes", type=above_zero, default=MINUTES, help="how long to measure, about (default: 30)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the requests")
    parser.add_argument(
        "--loads",
        type=_loads,
        default=LOADS,
        metavar="LOAD,...",
        help=f"how fast requests come, in what stock diffusers can do (default: {_listed(LOADS)}); "
        f"always also {RATIO_LOAD:g}",
    )
    parser.add_argument("--device", help='torch device, e.g. "cpu" or "cuda:0"')
    parser.add_argument("--threads", type=whole_from_one, help="CPU threads of each worker")
    parser.add_argument("--profile", action="store_true", help="say where Easel's time goes")
    parser.add_argument("--json", type=Path, dest="json_file", metavar="FILE", help="write all figures")
    parser.add_argument("--plot", type=Path, dest="plot_file", metavar="FILE", help="draw them, as PNG")


def options_from(parsed: argparse.Namespace) -> BenchOptions:
    """Return the options that the parser read."""
    models = tuple(parsed.models or ()) + tuple(f"{RANDOM_PREFIX}{shape}" for shape in parsed.random_weights)
    return BenchOptions(
        models or DEFAULT_MODELS,
        parsed.minutes,
        parsed.seed,
        parsed.loads,
        parsed.device,
        parsed.threads,
        parsed.profile,
        parsed.json_file,
        parsed.plot_file,
    )


async def bench(options: BenchOptions, settings: EngineSettings, out: TextIO, err: TextIO) -> int:
    """Measure, and print a table for each model.

    Args:
        options: what to measure.
        settings: for what the options leave open.
        out: gets the tables.
        err: gets a line about what is going on, now and then.

    Returns:
        The exit code.

    Raises:
        CatalogError: the model catalogue cannot be used.
    """
    code = DONE
    try:
        await _bench(options, settings, out, err)
    except* BenchError as group:
        print(_first(group), file=err)
        code = FAILED
    return code


async def _bench(options: BenchOptions, settings: EngineSettings, out: TextIO, err: TextIO) -> None:
    changes = {"devices": (options.device,)} if options.device else {}
    spec = EngineSettings.model_validate({**settings.model_dump(), **changes, "threads": options.threads}).workers()[0]
    facts = _facts(options, spec)
    print(f"{spec.device}; {', '.join(': '.join(each) for each in facts['versions'].items())}", file=out)
    contests: list[Contest] = []
    for model in options.models:
        contests.append(await _contest(model, options, settings, spec, err))
        print(f"\n{as_text(contests[-1], spec.service)}", file=out, flush=True)
        if options.json_file:
            data = as_data(contests, spec.service, facts)
            options.json_file.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
        if options.plot_file:
            draw_plot(contests, options.plot_file)


async def _contest(
    model: str, options: BenchOptions, settings: EngineSettings, spec: WorkerSpec, err: TextIO
) -> Contest:
    plan = ContestPlan(
        options.minutes / len(options.models), options.seed, spec.service, options.profile, options.loads
    )
    with tempfile.TemporaryDirectory(prefix="easel-bench-") as name:
        folder = Path(name)
        models_file = write_catalogue(model, settings, folder, half=spec.device != "cpu")
        threads = options.threads or (TINY_THREADS if model == TINY else spec.threads)
        machine = Machine(spec.device, threads, models_file, settings.models_dir, folder, is_made(model))
        infos = load_catalog(models_file, settings.models_dir).infos()
        return await hold_contest(machine, infos, plan, lambda line: print(line, file=err, flush=True))


def _facts(options: BenchOptions, spec: WorkerSpec) -> dict[str, Any]:
    return {
        "device": spec.device,
        "service": spec.service,
        "machine": platform.platform(),
        "versions": {name: version(name) for name in _VERSIONED},
        "seed": options.seed,
        "minutes": options.minutes,
    }


def _loads(text: str) -> tuple[float, ...]:
    loads = {above_zero(each) for each in text.split(",")} | {RATIO_LOAD}
    return tuple(sorted(loads))


def _listed(loads: Sequence[float]) -> str:
    return ",".join(f"{load:g}" for load in loads)


def _first(group: BaseExceptionGroup[BenchError]) -> BenchError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
