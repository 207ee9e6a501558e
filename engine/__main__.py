"""The engine's command line: `python -m engine draw`, `models` and `bench`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import draw_command, models_command
from engine.api import EngineError, Refused
from engine.bench import add_options, bench, options_from
from engine.catalog import CatalogError
from engine.command_line import DONE, FAILED, INTERRUPTED, WRONG_INPUT, Parser
from engine.draw_command import DrawError
from engine.models_command import ModelsError
from engine.settings import EngineSettings


def main(argv: Sequence[str], prog: str = "python -m engine") -> int:
    """Run one command.

    Args:
        argv: the command and its arguments, without the program's name.
        prog: the program's name, for help texts.

    Returns:
        The exit code: 0 done, 1 the engine failed, 2 wrong input, 3 every picture was held back, 130 interrupted.
    """
    # What goes wrong is told once, as a sentence; the log stays silent unless somebody set one up.
    logging.getLogger("engine").addHandler(logging.NullHandler())
    try:
        options = _parser(prog).parse_args(argv)
        return _run(options)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; what Python still flushes at exit must have somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _run(options: argparse.Namespace) -> int:
    places = {"models_file": options.models_file, "models_dir": options.models_dir}
    settings = EngineSettings(**{name: place for name, place in places.items() if place})
    try:
        if options.command == "models":
            return models_command.run(options, settings, sys.stdout, sys.stderr)
        if options.command == "bench":
            return asyncio.run(bench(options_from(options), settings, sys.stdout, sys.stderr))
        return asyncio.run(draw_command.draw(draw_command.options_from(options), settings, sys.stdout, sys.stderr))
    except (DrawError, ModelsError) as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except (CatalogError, Refused) as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT
    except EngineError as error:
        print(error, file=sys.stderr)
        return FAILED


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(prog=prog, description="Draw pictures from words, without Discord.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    models_file = Parser(add_help=False)
    models_file.add_argument("--models-file", type=Path, metavar="FILE", help="the model catalogue (models.toml)")
    models_file.add_argument("--models-dir", type=Path, metavar="DIR", help="folder of pulled, added and merged models")
    about = "list, pull, check and add models"
    models_command.add_commands(
        commands.add_parser("models", parents=[models_file], help=about, description=about.capitalize())
    )
    about = "compare Easel with stock diffusers and static batching on this machine"
    add_options(commands.add_parser("bench", parents=[models_file], help=about, description=about.capitalize()))
    about = "draw pictures"
    draw_command.add_options(
        commands.add_parser("draw", parents=[models_file], help=about, description=f"{about.capitalize()}.")
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
