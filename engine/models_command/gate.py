"""`models gate`: have a model's safety gate judge pictures of the owner's, in a process of its own with torch."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.catalog import load_catalog
from engine.children import child_environment
from engine.hub import PIPELINE, missing, sources_of
from engine.models_command.errors import ModelsError
from engine.settings import EngineSettings

_QUIET = {"TRANSFORMERS_VERBOSITY": "error", "DIFFUSERS_VERBOSITY": "error"}


def add_gate_command(commands: Any) -> None:
    """Give `models` the command `gate`."""
    about = "say how many pictures of a folder a model's safety gate holds back"
    one = commands.add_parser("gate", help=about, description=f"{about.capitalize()}, by detector and by shape.")
    one.add_argument("id", metavar="ID", help="a model of the catalogue")
    one.add_argument("folder", metavar="FOLDER", type=Path, help="of PNG, JPEG or WebP pictures")


def gate(options: argparse.Namespace, settings: EngineSettings) -> int:
    """Judge, and return the exit code.

    Raises:
        CatalogError, ModelsError: it cannot be done.
    """
    catalog = load_catalog(settings.models_file, settings.models_dir)
    entry = catalog.get(options.id)
    if entry is None:
        known = ", ".join(info.id for info in catalog.infos())
        raise ModelsError(f"There is no model called {options.id!r}. Known models: {known}.")
    if any(part != PIPELINE for _, part in missing(sources_of(entry))):
        raise ModelsError(f"The safety checker of {options.id} is not here yet: easel models pull {options.id}")
    folder = options.folder.expanduser()
    if not folder.is_dir():
        raise ModelsError(f"{folder} is no folder. Name one with PNG, JPEG or WebP pictures.")
    files = ["--models-file", str(settings.models_file), "--models-dir", str(settings.models_dir)]
    named = [options.id, str(folder), "--device", settings.workers()[0].device]
    command = [sys.executable, "-m", "engine.worker.gate_rates", *files, *named]
    return subprocess.run(command, env=child_environment(**_QUIET)).returncode
