"""The bench's own catalogue: a model under two ids, so that requests are for two models."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.bench.machine import BenchError, write_model

TINY = "tiny"
RANDOM = ("sd15",)
"""Shapes of public models that random weights are drawn for."""
_SCHEDULERS = ["DPM++ 2M", "Euler", "Euler a", "DDIM", "Heun"]
_SIDES = {TINY: 64, "sd15": 512}


def write_catalogue(model: str, models_file: Path, folder: Path, half: bool) -> Path:
    """Write a catalogue of one model under two ids; return the file.

    Args:
        model: TINY or one of RANDOM, which are made here, or an id of the catalogue.
        models_file: the catalogue.
        folder: for the file, and the weights if any are made.
        half: whether made weights have 16 bits.

    Raises:
        BenchError: there is no such model.
    """
    if model in _SIDES:
        write_model(model, folder / model, half)
        table = _made(_SIDES[model], folder / model)
    else:
        tables = tomllib.loads(models_file.read_text("utf-8"))
        if model not in tables:
            raise BenchError(f"There is no model {model!r}. Known models: {', '.join((*tables, TINY))}.")
        table = tables[model]
    path = folder / "models.toml"
    names = (model, f"{model}-twin")
    path.write_text("\n".join(f"[{name}]\n{_lines(table)}" for name in names), "utf-8")
    return path


def _made(side: int, folder: Path) -> Mapping[str, Any]:
    return {
        "title": "Random weights",
        "family": "sd1",
        "revision": "1",
        "licence": "none",
        "description": "Draws noise.",
        "source": {"folder": str(folder)},
        "safety_checker": {"folder": str(folder)},
        "sizes": [{"name": "square", "width": side, "height": side}],
        "size_step": 8,
        "min_side": side,
        "max_side": side,
        "steps": 25,
        "min_steps": 1,
        "max_steps": 60,
        "guidance_scale": 5.0,
        "min_guidance": 1.0,
        "max_guidance": 15.0,
        "schedulers": _SCHEDULERS,
        "scheduler": _SCHEDULERS[0],
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
