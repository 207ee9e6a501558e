"""Add-ons of the catalogue: LoRAs and textual inversions, one file each, for the models of one family.

Both are tables of `models.toml`, `[loras.NAME]` and `[inversions.NAME]`, and are read alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.api import MAX_LORA_WEIGHT, Inversion, Lora
from engine.catalog.families import FAMILIES
from engine.catalog.sources import Source, read_source

LORAS, INVERSIONS = "loras", "inversions"
ADDON_KINDS: Mapping[str, str] = {LORAS: "LoRA", INVERSIONS: "textual inversion"}
"""Keys of `models.toml` that add-ons are under, and therefore no model's id; and what people call them."""
_KEYS = {"title", "description", "family", "licence", "source", "revision"}
_OWN_KEYS = {LORAS: {"trigger_words", "weight"}, INVERSIONS: {"word"}}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")
_FIRST_REVISION = "1"


@dataclass(frozen=True, slots=True)
class AddOn:
    """A LoRA or a textual inversion.

    Args:
        kind: LORAS or INVERSIONS.
        name: of its table.
        family: of the models that it is for.
        title: name people read.
        description: what it does, one line.
        licence: of the file, one line.
        source: of the file, which is safetensors.
        meaning: what recipes name it by.
    """

    kind: str
    name: str
    family: str
    title: str
    description: str
    licence: str
    source: Source
    meaning: Lora | Inversion

    @property
    def file(self) -> Path:
        """Where the file is, or will be."""
        return self.source.folder / str(self.source.file)


def is_addon_name(text: str) -> bool:
    """Tell whether a text can be an add-on's name: it has no part in the syntax of prompts and names no folder."""
    return _NAME.fullmatch(text) is not None


def read_addons(kind: str, tables: Any, beside: Path, models_dir: Path) -> Iterator[AddOn]:
    """Read the tables of a kind, by name.

    Args:
        kind: LORAS or INVERSIONS.
        tables: as in the file.
        beside: what relative paths are relative to.
        models_dir: where the files of repositories are kept.

    Raises:
        ValueError: an entry is wrong; the message says which, and what to write.
    """
    if not isinstance(tables, dict):
        raise ValueError(f"[{kind}] must hold a table for each {ADDON_KINDS[kind]}")
    for name, table in tables.items():
        try:
            yield _addon(kind, name, table, beside, models_dir)
        except ValueError as error:
            raise ValueError(f"[{kind}.{name}] {error}") from error


def loras_of(addons: Sequence[AddOn]) -> Mapping[Lora, Path]:
    """Return the LoRAs and their files; of two with one name the later."""
    named = {addon.meaning.name: addon for addon in addons if isinstance(addon.meaning, Lora)}
    return {addon.meaning: addon.file for addon in named.values() if isinstance(addon.meaning, Lora)}


def inversions_of(addons: Sequence[AddOn], family: str) -> Mapping[Inversion, Path]:
    """Return a family's textual inversions and their files; of two with one word the later."""
    own = [addon for addon in addons if addon.family == family]
    worded = {addon.meaning.word.lower(): addon for addon in own if isinstance(addon.meaning, Inversion)}
    return {addon.meaning: addon.file for addon in worded.values() if isinstance(addon.meaning, Inversion)}


def _addon(kind: str, name: str, table: Any, beside: Path, models_dir: Path) -> AddOn:
    if not is_addon_name(name):
        raise ValueError(f"the name of a {ADDON_KINDS[kind]} is letters, digits, spaces, '.', '_' and '-'")
    known = _KEYS | _OWN_KEYS[kind]
    if not isinstance(table, dict) or not set(table) <= known:
        raise ValueError(f"must be a table of {', '.join(sorted(known))}")
    defaults = {"title": name, "description": "", "family": "", "licence": ""}
    texts = {key: _text(key, table.get(key, default)) for key, default in defaults.items()}
    if texts["family"] not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}")
    if not texts["licence"]:
        raise ValueError("must name its licence")
    source = read_source(table.get("source"), beside, models_dir)
    if source.file is None:
        raise ValueError('source must be one file: { file = "/path/x.safetensors" } or { hub, revision, file }')
    revision = _text("revision", table.get("revision", source.revision or _FIRST_REVISION))
    meaning = _lora(name, revision, texts, table) if kind == LORAS else _inversion(name, revision, table)
    return AddOn(kind, name, texts["family"], texts["title"], texts["description"], texts["licence"], source, meaning)


def _lora(name: str, revision: str, texts: Mapping[str, str], table: Mapping[str, Any]) -> Lora:
    words, weight = table.get("trigger_words", []), table.get("weight", 1.0)
    if not isinstance(words, list) or any(not isinstance(word, str) or not word.strip() for word in words):
        raise ValueError('trigger_words must be a list of texts, such as ["ink drawing"]')
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= MAX_LORA_WEIGHT:
        raise ValueError(f"weight must be a number from {-MAX_LORA_WEIGHT:g} to {MAX_LORA_WEIGHT:g}")
    about = texts["title"], texts["description"], tuple(word.strip() for word in words)
    return Lora(name, revision, texts["family"], *about, float(weight))


def _inversion(name: str, revision: str, table: Mapping[str, Any]) -> Inversion:
    word = _text("word", table.get("word", name))
    if not word:
        raise ValueError("word must not be empty; leave it out if it is the table's name")
    return Inversion(word, revision)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text")
    return value.strip()
