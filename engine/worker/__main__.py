"""`python -m engine.worker`: set up the process, then hand over to the loop."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from engine.catalog import CatalogError, load_catalog
from engine.command_line import whole_from_one
from engine.settings import MemorySetting
from engine.wire import Stop
from engine.worker.runtime.channel import Channel, Inbox, open_channel

if TYPE_CHECKING:
    from engine.worker.runtime.device import Device

ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",  # a spinning OpenMP thread beside a busy process makes a step up to 50 times slower
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime would gather usage data in a database under the home folder
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
}

YIELDING = 5
"""By how much a worker that computes on the CPU is nicer than the bot, which needs little but needs it at once."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until its parent says Stop, is gone, or sends SIGTERM; return the exit code."""
    options = worker_options("python -m engine.worker").parse_args(arguments)
    try:
        catalog = load_catalog(options.models, options.models_dir)
    except CatalogError as error:
        print(error, file=sys.stderr)
        return 2
    if options.device == "cpu":
        os.nice(YIELDING)  # before there is another thread: a thread has its maker's
    inbox, channel = open_process(options.name)
    from engine.worker.loading.kept import FILE_NAME, ProofFile
    from engine.worker.loop import run_worker
    from engine.worker.sampling.compiler import CompilerMissing, check_compiler

    if options.compile:
        try:
            check_compiler(options.device.partition(":")[0], os.environ)
        except CompilerMissing as error:
            print(error, file=sys.stderr)
            return 2
    device = device_from(options)
    try:
        proof_file = ProofFile(options.models_dir / FILE_NAME)
        return run_worker(options.name, device, catalog, inbox, channel.send, proof_file=proof_file)
    except BrokenPipeError:
        return 0  # the parent is gone


def open_process(name: str) -> tuple[Inbox, Channel]:
    """Make this process a worker's: environment, log, pipes, signals. Call it before anything imports torch."""
    os.environ.update(ENVIRONMENT)
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s {name} %(levelname)s %(message)s")
    inbox = Inbox()
    channel = open_channel(inbox)
    for from_terminal in (signal.SIGINT, signal.SIGHUP):
        signal.signal(from_terminal, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, lambda *_: inbox.put(Stop()))

    # Only now, so that torch finds the environment set and prints nothing into the frames.
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    gc.freeze()  # the libraries stay; what models leave behind is found faster without them
    return inbox, channel


def worker_options(prog: str) -> argparse.ArgumentParser:
    """Return the parser of a worker's options, as the engine gives them."""
    parser = argparse.ArgumentParser(prog=prog, description="Draw what stdin asks for.")
    parser.add_argument("--name", required=True, help="name of this worker, unique in the engine")
    parser.add_argument("--device", required=True, help='torch device: "cpu" or "cuda:0"')
    parser.add_argument("--threads", required=True, type=whole_from_one, help="CPU threads of torch")
    parser.add_argument("--service", required=True, choices=("exact", "fast"), help="class of service")
    parser.add_argument("--models", required=True, type=Path, help="the model catalogue, models.toml")
    parser.add_argument("--models-dir", required=True, type=Path, help="folder of pulled, added and merged models")
    parser.add_argument("--memory", default="auto", choices=get_args(MemorySetting), help="memory profile")
    parser.add_argument("--compile", action="store_true", help="compile UNets")
    parser.add_argument("--ram-gb", type=float, metavar="GB", help="RAM for models; what is free if not given")
    return parser


def device_from(options: argparse.Namespace) -> Device:
    """Open the device that a worker's options name. Loads torch."""
    from engine.worker.loading.memory import GB
    from engine.worker.runtime.device import open_device

    ram_bytes = None if options.ram_gb is None else int(GB * options.ram_gb)
    return open_device(options.device, options.threads, options.service, options.memory, ram_bytes, options.compile)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # a detector or a model load that hangs has a thread that nothing else ends
