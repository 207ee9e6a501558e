"""The bench's own catalogue: a model under two ids, so that requests are for two models."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.bench.machine import BenchError, write_model
from engine.catalog import OWN_FILE
from engine.settings import EngineSettings
from engine.wire.contenders import TINY

RANDOM = {"sd15": "sd1", "sdxl": "sdxl"}
"""Public models whose shapes can be had with random weights, and their families."""

RANDOM_PREFIX = "random-"
_SIDE = 64
_TINY_SIZE: Mapping[str, Any] = {
    "sizes": [{"name": "square", "width": _SIDE, "height": _SIDE}],
    "size_step": _SIDE,
    "min_side": _SIDE,
    "max_side": _SIDE,
}


def is_made(model: str) -> bool:
    """Tell whether a model is made for the bench, with random weights."""
    return model == TINY or (model.startswith(RANDOM_PREFIX) and model.removeprefix(RANDOM_PREFIX) in RANDOM)


def write_catalogue(model: str, settings: EngineSettings, folder: Path, half: bool) -> Path:
    """Write a catalogue of one model under two ids; return the file.

    Args:
        model: an id of the settings' catalogue, TINY, or RANDOM_PREFIX and one of RANDOM.
        settings: name the catalogue.
        folder: for the file, and the weights if any are made.
        half: whether made weights have 16 bits.

    Raises:
        BenchError: there is no such model, or it cannot be made.
    """
    if model == TINY:
        write_model(TINY, folder / TINY, half)
        table = {**_made("sd1", folder / TINY), **_TINY_SIZE}
    elif is_made(model):
        family = RANDOM[model.removeprefix(RANDOM_PREFIX)]
        write_model(family, folder / model, half)
        table = _made(family, folder / model)
    else:
        tables = dict(_tables(settings))
        if model not in tables:
            raise BenchError(f"There is no model {model!r}. Known models: {', '.join((*tables, TINY))}.")
        table = tables[model]
    path = folder / "models.toml"
    path.write_text("\n".join(f"[{name}]\n{_lines(table)}" for name in (model, f"{model}-twin")), "utf-8")
    return path


def _tables(settings: EngineSettings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the catalogue's tables, with whole paths."""
    for file in (settings.models_file, settings.models_dir / OWN_FILE):
        tables = tomllib.loads(file.read_text("utf-8")) if file.exists() else {}
        for name, table in tables.items():
            yield name, {key: _whole(value, file.parent) for key, value in table.items()}


def _whole(value: Any, beside: Path) -> Any:
    if isinstance(value, list):
        return [_whole(each, beside) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: str(beside / Path(each).expanduser()) if key in ("folder", "file", "config") else each
        for key, each in value.items()
    }


def _made(family: str, folder: Path) -> dict[str, Any]:
    return {
        "title": "Random weights",
        "family": family,
        "licence": "none",
        "description": "Draws noise.",
        "source": {"folder": str(folder)},
        "steps": 25,
        "scheduler": "DPM++ 2M",
    }


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: Any) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
