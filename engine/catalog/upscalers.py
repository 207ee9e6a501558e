"""Upscalers of the catalogue: networks that make a finished picture larger, whatever model drew it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.api import Upscaler
from engine.catalog.kinds import Kind, Table, read_kind
from engine.catalog.sources import CHECKPOINT, Source, read_source

UPSCALERS = "upscalers"
"""Key of `models.toml` that they are under, and therefore no model's id."""
OWN_FACTORS = (2, 4, 8)
_KIND = Kind(UPSCALERS, "upscaler", "an upscaler's name", frozenset({"factor"}))


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
    return read_kind(_KIND, tables, lambda table: _entry(table, beside, models_dir))


def _entry(table: Table, beside: Path, models_dir: Path) -> UpscalerEntry:
    factor = table.values.get("factor")
    if factor not in OWN_FACTORS or not isinstance(factor, int):
        raise ValueError(f"factor must be one of {', '.join(map(str, OWN_FACTORS))}: by how much it makes sides larger")
    source = _source(table.values.get("source"), beside, models_dir)
    upscaler = Upscaler(table.name, table.title, table.revision(source), factor)
    return UpscalerEntry(upscaler, table.licence, source)


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
