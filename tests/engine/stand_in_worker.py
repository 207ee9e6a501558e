"""`python -m tests.engine.stand_in_worker`: the worker, but for the safety checker, which may be any."""

from __future__ import annotations

import logging
import os

from engine.catalog import load_catalog
from engine.worker.__main__ import device_from, open_process, worker_options


def main() -> int:
    options = worker_options("python -m tests.engine.stand_in_worker").parse_args()
    catalog = load_catalog(options.models, options.models_dir)
    inbox, channel = open_process(options.name)
    from engine.worker.loop import run_worker
    from tests.engine.stand_in_checker import any_checker

    return run_worker(options.name, device_from(options), catalog, inbox, channel.send, identify=any_checker)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)
