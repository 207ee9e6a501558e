"""Where Easel's files are: the same folders for the bot and for the engine's own command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import platformdirs

CONFIG_VARIABLE, DATA_VARIABLE = "EASEL_CONFIG_DIR", "EASEL_DATA_DIR"
MODELS_FILE, MODELS_DIR = "models.toml", "models"
_DEFAULTS = "default.toml"


def find_config_dir(env: Mapping[str, str]) -> Path:
    """Return the folder of `default.toml` and `models.toml`: EASEL_CONFIG_DIR, else the source tree's, else the
    installation's."""
    if folder := env.get(CONFIG_VARIABLE):
        return absolute(folder)
    beside_the_code = Path(__file__).resolve().parent.parent / "config"
    if (beside_the_code / _DEFAULTS).exists():
        return beside_the_code
    return Path(sys.prefix) / "share" / "easel" / "config"


def find_data_dir(env: Mapping[str, str]) -> Path:
    """Return the folder of everything that Easel keeps: EASEL_DATA_DIR, or else the platform's data folder."""
    folder = env.get(DATA_VARIABLE)
    return absolute(folder) if folder else platformdirs.user_data_path("easel")


def absolute(path: str | Path) -> Path:
    """Return where a path leads, with `~` for a home folder; the `~` of somebody unknown is a name like any other."""
    return Path(os.path.expanduser(path)).absolute()
