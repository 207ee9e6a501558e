"""The command line: `easel run`, `demo`, `lag`, `migrate`, `check-config`; others are the engine's."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import sys
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import discord

from bot import app
from bot.sandbox import LagOptions, SandboxUnavailable, run_lag, run_sandbox
from bot.settings import Settings, SettingsError, load_settings
from bot.storage import StorageError, check_ledger, held_folder, migrate
from bot.style_files import StylesError, load_styles
from engine.__main__ import main as engine_main
from engine.bench.copies import put_copies
from engine.catalog import CatalogError, load_catalog
from engine.command_line import DONE, INTERRUPTED, WRONG_INPUT, Parser, above_zero, whole_from_one
from engine.folders import DATA_VARIABLE

T = TypeVar("T")

ENGINE_COMMANDS = ("draw", "models", "bench")
DEMO_PORT = 8765
LAG = LagOptions()

WRONG = (SettingsError, StylesError, StorageError, CatalogError, SandboxUnavailable, discord.LoginFailure)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong input, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in ENGINE_COMMANDS:
        return engine_main(arguments, prog="easel")
    try:
        options = _parser().parse_args(arguments)
        _log_to_stderr(options.verbose)
        return _run(options, os.environ)
    except WRONG as error:
        print(_sentence(error), file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else DONE


def _run(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    match options.command:
        case "run":
            assurances = app.Assurances(options.adopt_empty_ledger, options.clock_is_right)
            _serve(app.run(load_settings(env), assurances))
        case "demo":
            _demo(env, options.port)
        case "lag":
            _lag(env, LagOptions(options.interactions, options.seconds, options.seed, options.json_file))
        case "migrate":
            settings = load_settings(env)
            with held_folder(settings.data_dir):
                check_ledger(settings.data_dir)
                before, after = migrate(settings.data_dir)
            print(f"The database in {settings.data_dir} is at version {after}; it was at {before}.")
        case "check-config":
            print(_check(load_settings(env)))
    return DONE


def _serve(work: Coroutine[Any, Any, T]) -> T:
    # What was imported stays: looking for garbage in all of it would stop the bot for a tenth of a second each time.
    gc.freeze()
    return asyncio.run(work)


def _check(settings: Settings) -> str:
    engine = app.engine_settings(settings)
    catalog = load_catalog(engine.models_file, engine.models_dir)
    styles = load_styles(settings.config_dir, settings.data_dir)
    return "\n".join(
        [
            "The settings are right.",
            f"Data: {settings.data_dir}",
            f"Workers: {', '.join(f'{worker.name} ({worker.threads} threads)' for worker in engine.workers())}",
            f"Models: {', '.join(info.id for info in catalog.infos())}",
            f"Styles: {', '.join(style.name for style in styles)}",
            f"Discord token: {'set' if settings.discord_token else 'not set; easel run needs DISCORD_TOKEN'}",
        ]
    )


def _demo(env: Mapping[str, str], port: int) -> None:
    """Run the sandbox on the built-in model, with a data folder that passes with it."""
    # The sandbox brings its own server: what discord.py has to say of it would only puzzle.
    logging.getLogger("discord").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="easel-demo-") as folder:
        settings = load_settings({**_without_own_settings(env), DATA_VARIABLE: folder})
        _serve(run_sandbox(settings, port, _announce))
    print("The sandbox is closed.")


def _lag(env: Mapping[str, str], options: LagOptions) -> None:
    """Measure the bot on the built-in model, with six more that seem pulled, away from its own data."""
    logging.disable(logging.WARNING)  # what becomes of so many jobs is of no interest
    try:
        print(_serve(run_lag(options, load_settings(_without_own_settings(env)), put_copies)))
    finally:
        logging.disable(logging.NOTSET)


def _without_own_settings(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in ("EASEL_CONFIG", "DISCORD_TOKEN")}


def _announce(address: str) -> None:
    print(f"Easel is in your browser at {address}\nType /imagine there. Ctrl-C ends it.", flush=True)


def _sentence(error: Exception) -> str:
    if isinstance(error, discord.LoginFailure):
        return "Discord does not know this token. Copy it again from the developer portal into DISCORD_TOKEN."
    return str(error)


def _log_to_stderr(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # discord.py writes webhook addresses, which are secrets, at DEBUG.
    logging.getLogger("discord").setLevel(logging.WARNING)
    # Easel does not speak, so what discord.py lacks for that would only puzzle.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    # aiosqlite writes every statement with its values, members' prompts among them.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="easel", description="A Discord bot that draws.")
    parser.add_argument("--verbose", action="store_true", help="log more")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the bot; needs DISCORD_TOKEN")
    run.add_argument(
        "--adopt-empty-ledger",
        action="store_true",
        help="for one start: go on with a database that is missing, empty, or older than the pictures beside it",
    )
    run.add_argument(
        "--clock-is-right",
        action="store_true",
        help="for one start: old pictures may go, although the clock is days ahead of the newest record, or behind it",
    )
    demo = commands.add_parser("demo", help="try the bot in a browser, without Discord")
    demo.add_argument("--port", type=_port, default=DEMO_PORT, help="of the page; 0 for a free one")
    lag = commands.add_parser("lag", help="measure how quickly the bot answers while workers draw, without Discord")
    lag.add_argument("--interactions", type=whole_from_one, default=LAG.interactions, help="of members (default: 100)")
    lag.add_argument("--seconds", type=above_zero, default=LAG.seconds, help="over which they come (default: 30)")
    lag.add_argument("--seed", type=int, default=LAG.seed, help="of what they do")
    lag.add_argument("--json", type=Path, dest="json_file", metavar="FILE", help="write all figures")
    commands.add_parser("migrate", help="bring the database up to date")
    commands.add_parser("check-config", help="say what is wrong with the settings, or what they are")
    for name in ENGINE_COMMANDS:
        commands.add_parser(name, help=f"see easel {name} --help")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 65535, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
