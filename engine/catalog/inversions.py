"""Textual inversions of the catalogue: words that stand for vectors from a file, for the models of one family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.api import Inversion
from engine.catalog.families import FAMILIES
from engine.catalog.sources import read_source

INVERSIONS = "inversions"
"""Key of `models.toml` that they are under, and therefore no model's id."""
_KEYS = {"word", "family", "licence", "source", "revision"}
_FIRST_REVISION = "1"


@dataclass(frozen=True, slots=True)
class InversionEntry:
    """A textual inversion of the catalogue.

    Args:
        inversion: its word and revision.
        family: of the models that understand it.
        licence: of the file, one line.
        file: safetensors.
    """

    inversion: Inversion
    family: str
    licence: str
    file: Path


def read_inversions(tables: Any, beside: Path, models_dir: Path) -> Iterator[InversionEntry]:
    """Read the tables under `inversions`, by id.

    Args:
        tables: as in the file.
        beside: what relative paths are relative to.
        models_dir: where the files of repositories are kept.

    Raises:
        ValueError: an entry is wrong; the message says which, and what to write.
    """
    if not isinstance(tables, dict):
        raise ValueError(f"[{INVERSIONS}] must hold a table for each textual inversion")
    for name, table in tables.items():
        try:
            yield _entry(name, table, beside, models_dir)
        except ValueError as error:
            raise ValueError(f"[{INVERSIONS}.{name}] {error}") from error


def of_family(entries: Sequence[InversionEntry], family: str) -> Mapping[Inversion, Path]:
    """Return the files of a family's textual inversions; of two with one word the later.

    Args:
        entries: all of the catalogue.
        family: of a model.
    """
    files = {entry.inversion.word.lower(): entry for entry in entries if entry.family == family}
    return {entry.inversion: entry.file for entry in files.values()}


def _entry(name: str, table: Any, beside: Path, models_dir: Path) -> InversionEntry:
    if not isinstance(table, dict) or not set(table) <= _KEYS:
        raise ValueError(f"must be a table of {', '.join(sorted(_KEYS))}")
    texts = {key: table.get(key, default) for key, default in (("word", name), ("family", ""), ("licence", ""))}
    if any(not isinstance(text, str) or not text.strip() for text in texts.values()):
        raise ValueError("must name family, licence and source; a word too, unless it is the table's name")
    if texts["family"] not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}")
    source = read_source(table.get("source"), beside, models_dir)
    if source.file is None:
        raise ValueError('source must be one file, { file = "/path/x.safetensors" }')
    revision = table.get("revision", source.revision or _FIRST_REVISION)
    if not isinstance(revision, str):
        raise ValueError("revision must be a text")
    inversion = Inversion(texts["word"].strip(), revision)
    return InversionEntry(inversion, texts["family"], texts["licence"], source.folder / source.file)
