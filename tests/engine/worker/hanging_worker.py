"""A whole worker whose floor hangs over the first picture that it is shown, unless the file named in MARK is there."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from engine.catalog import load_catalog
from engine.worker.__main__ import device_from, open_process, worker_options

MARK = "HANGING_WORKER_MARK"


def main() -> int:
    options = worker_options("hanging worker").parse_args()
    inbox, channel = open_process(options.name)
    from engine.worker.loop import run_worker
    from engine.worker.safety import Finding, TimedDetector

    class Never:
        name = "floor"

        def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
            threading.Event().wait()
            raise AssertionError

    class Floor:
        name = "floor"

        def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
            mark = Path(os.environ[MARK])
            if mark.exists():
                return Finding(False)
            mark.touch()
            return TimedDetector(Never(), limit_s=0.1).look(views[:1])

    catalog = load_catalog(options.models, options.models_dir)
    return run_worker(options.name, device_from(options), catalog, inbox, channel.send, Floor)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)
