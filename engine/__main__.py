"""The engine's command line: `python -m engine draw`, `models` and `bench`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import models_command
from engine.api import FITS, EngineError, Refused
from engine.bench import add_options, bench, options_from
from engine.catalog import CatalogError
from engine.command_line import DONE, FAILED, INTERRUPTED, WRONG_INPUT, Parser, real, whole
from engine.draw_command import STRENGTH, DrawError, DrawOptions, draw
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
        return asyncio.run(draw(_draw_options(options), settings, sys.stdout, sys.stderr))
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
    options = commands.add_parser("draw", parents=[models_file], help="draw pictures", description="Draw pictures.")
    options.add_argument("prompt", metavar="PROMPT", help='what to draw, in quotes: "a red apple"')
    options.add_argument("--seed", type=whole, help="same seed, same picture; random if not given")
    options.add_argument("--count", type=whole, default=1, help="pictures to draw, with seed, seed + 1, ...")
    options.add_argument("--steps", type=whole, help="more steps take longer and refine more")
    options.add_argument("--guidance", type=real, help="how closely to follow the prompt")
    options.add_argument("--scheduler", metavar="NAME", help='noise scheduler, e.g. "DPM++ 2M"')
    options.add_argument(
        "--clip-skip", type=whole, metavar="LAYERS", help="layers of the text encoder to skip, 0 to 10"
    )
    options.add_argument("--width", type=whole, metavar="PIXELS")
    options.add_argument("--height", type=whole, metavar="PIXELS")
    options.add_argument("--negative", metavar="PROMPT", help="what not to draw")
    options.add_argument("--image", type=Path, metavar="FILE", help="start from this picture: PNG, JPEG or WebP")
    options.add_argument("--strength", type=real, default=STRENGTH, help="how much of it may change, over 0 to 1")
    options.add_argument("--fit", choices=FITS, default=FITS[0], help="how it comes to another size")
    options.add_argument("--mask", type=Path, metavar="FILE", help="light where the picture may change; of its size")
    options.add_argument("--model", metavar="ID", help="a model of the catalogue; its first if not given")
    options.add_argument("--output-dir", type=Path, default=Path(), metavar="DIR", help="made if it is missing")
    options.add_argument("--json", action="store_true", help="print one JSON object per picture")
    return parser


def _draw_options(options: argparse.Namespace) -> DrawOptions:
    return DrawOptions(
        prompt=options.prompt,
        output_dir=options.output_dir,
        negative_prompt=options.negative,
        model=options.model,
        seed=options.seed,
        count=options.count,
        steps=options.steps,
        guidance_scale=options.guidance,
        scheduler=options.scheduler,
        clip_skip=options.clip_skip,
        width=options.width,
        height=options.height,
        as_json=options.json,
        image=options.image,
        strength=options.strength,
        fit=options.fit,
        mask=options.mask,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
