"""LoRAs of the catalogue: files that change some layers of the models of one family, by as much as a prompt says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.api import Lora
from engine.catalog.families import FAMILIES
from engine.catalog.sources import read_source

LORAS = "loras"
"""Key of `models.toml` that they are under, and therefore no model's id."""
_KEYS = {"family", "licence", "source", "revision"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")
_FIRST_REVISION = "1"


@dataclass(frozen=True, slots=True)
class LoraEntry:
    """A LoRA of the catalogue.

    Args:
        lora: its name, revision and family.
        licence: of the file, one line.
        file: safetensors.
    """

    lora: Lora
    licence: str
    file: Path


def read_loras(tables: Any, beside: Path, models_dir: Path) -> Iterator[LoraEntry]:
    """Read the tables under `loras`, by name.

    Args:
        tables: as in the file.
        beside: what relative paths are relative to.
        models_dir: where the files of repositories are kept.

    Raises:
        ValueError: an entry is wrong; the message says which, and what to write.
    """
    if not isinstance(tables, dict):
        raise ValueError(f"[{LORAS}] must hold a table for each LoRA")
    for name, table in tables.items():
        try:
            yield _entry(name, table, beside, models_dir)
        except ValueError as error:
            raise ValueError(f"[{LORAS}.{name}] {error}") from error


def _entry(name: str, table: Any, beside: Path, models_dir: Path) -> LoraEntry:
    if not _NAME.fullmatch(name):
        raise ValueError("a LoRA's name is letters, digits, spaces, '.', '_' and '-'")
    if not isinstance(table, dict) or not set(table) <= _KEYS:
        raise ValueError(f"must be a table of {', '.join(sorted(_KEYS))}")
    family, licence = table.get("family", ""), table.get("licence")
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}")
    if not isinstance(licence, str) or not licence.strip():
        raise ValueError("must name its licence")
    source = read_source(table.get("source"), beside, models_dir)
    if source.file is None:
        raise ValueError('source must be one file, { file = "/path/x.safetensors" }')
    revision = table.get("revision", source.revision or _FIRST_REVISION)
    if not isinstance(revision, str):
        raise ValueError("revision must be a text")
    return LoraEntry(Lora(name, revision, family), licence, source.folder / source.file)
