"""Add-ons of the catalogue: LoRAs and textual inversions, one file each, for the models of one family.

Both are tables of `models.toml`, `[loras.NAME]` and `[inversions.NAME]`, and are read alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.api import MAX_LORA_WEIGHT, Inversion, Lora
from engine.catalog.families import FAMILIES
from engine.catalog.kinds import Kind, Table, read_kind
from engine.catalog.sources import Source, read_source

LORAS, INVERSIONS = "loras", "inversions"
ADDON_KINDS: Mapping[str, str] = {LORAS: "LoRA", INVERSIONS: "textual inversion"}
"""Keys of `models.toml` that add-ons are under, and therefore no model's id; and what people call them."""
_OWN_KEYS = {LORAS: {"trigger_words", "weight"}, INVERSIONS: {"word"}}
_KINDS = {
    key: Kind(key, title, f"the name of a {title}", frozenset({"description", "family"} | _OWN_KEYS[key]))
    for key, title in ADDON_KINDS.items()
}


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
    return read_kind(_KINDS[kind], tables, lambda table: _addon(kind, table, beside, models_dir))


def loras_of(addons: Sequence[AddOn]) -> Mapping[Lora, Path]:
    """Return the LoRAs and their files; of two with one name the later."""
    named = {addon.meaning.name: addon for addon in addons if isinstance(addon.meaning, Lora)}
    return {addon.meaning: addon.file for addon in named.values() if isinstance(addon.meaning, Lora)}


def inversions_of(addons: Sequence[AddOn], family: str) -> Mapping[Inversion, Path]:
    """Return a family's textual inversions and their files; of two with one word the later."""
    own = [addon for addon in addons if addon.family == family]
    worded = {addon.meaning.word.lower(): addon for addon in own if isinstance(addon.meaning, Inversion)}
    return {addon.meaning: addon.file for addon in worded.values() if isinstance(addon.meaning, Inversion)}


def _addon(kind: str, table: Table, beside: Path, models_dir: Path) -> AddOn:
    family = table.text("family")
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}")
    source = read_source(table.values.get("source"), beside, models_dir)
    if source.file is None:
        raise ValueError('source must be one file: { file = "/path/x.safetensors" } or { hub, revision, file }')
    description = table.text("description")
    meaning = _lora(table, family, source) if kind == LORAS else _inversion(table, source)
    return AddOn(kind, table.name, family, table.title, description, table.licence, source, meaning)


def _lora(table: Table, family: str, source: Source) -> Lora:
    words, weight = table.values.get("trigger_words", []), table.values.get("weight", 1.0)
    if not isinstance(words, list) or any(not isinstance(word, str) or not word.strip() for word in words):
        raise ValueError('trigger_words must be a list of texts, such as ["ink drawing"]')
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= MAX_LORA_WEIGHT:
        raise ValueError(f"weight must be a number from {-MAX_LORA_WEIGHT:g} to {MAX_LORA_WEIGHT:g}")
    about = table.title, table.text("description"), tuple(word.strip() for word in words)
    return Lora(table.name, table.revision(source), family, *about, float(weight))


def _inversion(table: Table, source: Source) -> Inversion:
    word = table.text("word", table.name)
    if not word:
        raise ValueError("word must not be empty; leave it out if it is the table's name")
    return Inversion(word, table.revision(source))
