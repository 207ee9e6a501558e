"""`python -m engine.worker.bench`: `serve` as a contender, measure the row `ceiling`, `write` a model."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.catalog import FAMILIES, load_catalog
from engine.command_line import whole_from_one
from engine.wire.contenders import TINY, Contender, load_contested
from engine.wire.shared_counters import SharedCounters
from engine.worker.__main__ import ENVIRONMENT, device_from, open_process, worker_options


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code."""
    command, *rest = arguments
    run = {"serve": _serve, "ceiling": _ceiling, "write": _write}[command]
    return run(rest)


def _serve(arguments: Sequence[str]) -> int:
    parser = worker_options("python -m engine.worker.bench serve")
    parser.add_argument("--contender", required=True, type=Contender, choices=tuple(Contender))
    parser.add_argument("--tally", required=True, type=Path)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--made", action="store_true", help="the models have random weights, their checkers too")
    options = parser.parse_args(arguments)
    catalog = load_contested(options.models, options.models_dir, options.made)
    inbox, channel = open_process(options.name)
    from engine.worker.bench.serve import serve

    device = device_from(options)
    with suppress(BrokenPipeError):  # the parent is gone
        tally = SharedCounters(options.tally)
        serve(
            options.contender,
            options.name,
            device,
            catalog,
            inbox,
            channel.send,
            tally,
            profile=options.profile,
            made=options.made,
        )
    return 0


def _ceiling(arguments: Sequence[str]) -> int:
    """Print a row ceiling for each line that comes on stdin."""
    parser = argparse.ArgumentParser(prog="python -m engine.worker.bench ceiling")
    parser.add_argument("--device", required=True)
    parser.add_argument("--threads", required=True, type=whole_from_one)
    parser.add_argument("--models", required=True, type=Path)
    parser.add_argument("--models-dir", required=True, type=Path)
    parser.add_argument("--seconds", required=True, type=float, help="for each measurement")
    options = parser.parse_args(arguments)
    os.environ.update(ENVIRONMENT)
    from engine.worker.bench.rates import row_ceiling
    from engine.worker.loading.pipelines import load_pipeline
    from engine.worker.runtime.device import open_device

    device = open_device(options.device, options.threads, "fast")
    entry = load_catalog(options.models, options.models_dir).entries[0]
    pipeline, recipe = load_pipeline(entry, device), entry.info.usual_recipe()
    for _ in sys.stdin:
        print(row_ceiling(pipeline, device, recipe, options.seconds), flush=True)
    return 0


def _write(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m engine.worker.bench write")
    parser.add_argument("shape", choices=(TINY, *FAMILIES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", action="store_true", help="16-bit weights")
    options = parser.parse_args(arguments)
    os.environ.update(ENVIRONMENT)
    import torch

    from engine.worker.bench.random_weights import build_public, build_tiny, write_model

    # Weights of the public shapes take gigabytes: they are made in the type that they are kept in.
    torch.set_default_dtype(torch.float16 if options.half else torch.float32)
    write_model(build_tiny() if options.shape == TINY else build_public(FAMILIES[options.shape]), options.folder)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # a detector that hangs has a thread that nothing else ends
