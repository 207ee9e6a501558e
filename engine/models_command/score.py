"""`models score`: have the built-in model's pictures judged, in a process of its own, since that needs torch."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

from engine.children import child_environment

_QUIET = {"TRANSFORMERS_VERBOSITY": "error", "DIFFUSERS_VERBOSITY": "error"}


def add_score_command(commands: Any) -> None:
    """Add the command; its arguments are those of `python -m engine.pocket.scoring`."""
    one = commands.add_parser("score", help="say how well the built-in model draws", add_help=False)
    one.add_argument("arguments", nargs=argparse.REMAINDER)


def score(options: argparse.Namespace) -> int:
    """Score, and return the exit code."""
    command = [sys.executable, "-m", "engine.pocket.scoring", *options.arguments]
    return subprocess.run(command, env=child_environment(**_QUIET)).returncode
