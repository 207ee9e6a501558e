"""Upscalers of the catalogue: networks that make a finished picture larger, whatever model drew it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.api import Upscaler
from engine.catalog.sources import CHECKPOINT, Source, read_source

UPSCALERS = "upscalers"
"""Key of `models.toml` that they are under, and therefore no model's id."""
OWN_FACTORS = (2, 4, 8)
_KEYS = {"title", "licence", "source", "factor", "revision"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")
_FIRST_REVISION = "1"


@dataclass(frozen=True, slots=True)
class UpscalerEntry:
    """An upscaler of the catalogue.

    Args:
        upscaler: the public part.
        licence: of the weights, one line.
        source: a safetensors file, or a folder in diffusers' format.
    """

    upscaler: Upscaler
    licence: str
    source: Source


def read_upscalers(tables: Any, beside: Path, models_dir: Path) -> Iterator[UpscalerEntry]:
    """Read the tables under `upscalers`, by name.

    Args:
        tables: as in the file.
        beside: what relative paths are relative to.
        models_dir: where the files of repositories are kept.

    Raises:
        ValueError: an entry is wrong; the message says which, and what to write.
    """
    if not isinstance(tables, dict):
        raise ValueError(f"[{UPSCALERS}] must hold a table for each upscaler")
    for name, table in tables.items():
        try:
            yield _entry(name, table, beside, models_dir)
        except ValueError as error:
            raise ValueError(f"[{UPSCALERS}.{name}] {error}") from error


def _entry(name: str, table: Any, beside: Path, models_dir: Path) -> UpscalerEntry:
    if not _NAME.fullmatch(name):
        raise ValueError("an upscaler's name is letters, digits, spaces, '.', '_' and '-'")
    if not isinstance(table, dict) or not set(table) <= _KEYS:
        raise ValueError(f"must be a table of {', '.join(sorted(_KEYS))}")
    texts = {"title": name, "licence": "", "revision": _FIRST_REVISION} | {
        key: value for key, value in table.items() if key in ("title", "licence", "revision")
    }
    if any(not isinstance(text, str) or not text.strip() for text in texts.values()):
        raise ValueError("must name its licence; title and revision are texts")
    factor = table.get("factor")
    if factor not in OWN_FACTORS or not isinstance(factor, int):
        raise ValueError(f"factor must be one of {', '.join(map(str, OWN_FACTORS))}: by how much it makes sides larger")
    source = _source(table.get("source"), beside, models_dir)
    return UpscalerEntry(Upscaler(name, texts["title"], texts["revision"], factor), texts["licence"], source)


def _source(value: Any, beside: Path, models_dir: Path) -> Source:
    match value:
        case {"file": str(file)} if not file.endswith(CHECKPOINT):
            raise ValueError(
                f"{Path(file).name} is no {CHECKPOINT} file, and other formats can run code when they are read: "
                "convert it to safetensors, as README.md says"
            )
        case {"file": _} | {"folder": _}:
            return read_source(value, beside, models_dir)
    raise ValueError(f'source must be {{ file = "/path/x{CHECKPOINT}" }} or {{ folder = "/path" }}')
