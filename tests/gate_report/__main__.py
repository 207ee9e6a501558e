"""`python -m tests.gate_report`: print what the safety gate catches and what it holds back wrongly.

All of it takes some two hours on an idle core; `--share 0.1` a tenth of that, with a tenth of the pictures.
"""

from __future__ import annotations

import argparse
import logging
import os

from engine.command_line import whole_from_one
from tests.gate_report import alarms, previews, shapes
from tests.gate_report.drawing import Studio

PARTS = {"shapes": shapes.report, "alarms": alarms.report, "previews": previews.report}


def main() -> None:
    """Print the parts that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.gate_report", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; all if none is named")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of pictures")
    parser.add_argument("--threads", type=whole_from_one, default=os.cpu_count() or 1, help="CPU threads")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {unknown.pop()!r}; there are {', '.join(PARTS)}")
    logging.getLogger("engine.worker.safety").setLevel(logging.ERROR)  # it would tell of each picture held back
    studio = Studio(given.threads)
    for part in given.parts or PARTS:
        for line in PARTS[part](studio, given.share):
            print(line, flush=True)


if __name__ == "__main__":
    main()
