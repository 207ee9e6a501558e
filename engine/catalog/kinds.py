"""Tables of `models.toml` under a kind, `[kind.NAME]`: what models are drawn with beside themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.catalog.sources import Source

FIRST_REVISION = "1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")
_KEYS = frozenset({"title", "licence", "source", "revision"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of tables.

    Args:
        key: of `models.toml` that they are under, and therefore no model's id.
        title: as people call one.
        naming: how its name is spoken of.
        keys: that a table may have beside title, licence, source and revision.
    """

    key: str
    title: str
    naming: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Table:
    """One table, as far as all kinds are alike.

    Args:
        name: has no part in the syntax of prompts, and names no folder.
        title: name people read; the name if it has none.
        licence: one line.
        values: all that was written.
    """

    name: str
    title: str
    licence: str
    values: Mapping[str, Any]

    def text(self, key: str, default: str = "") -> str:
        """Return what is written under a key, without spaces around it. Raises ValueError: it is no text."""
        return _text(self.values, key, default)

    def revision(self, source: Source) -> str:
        """Return the revision, if none is written that of the source. Raises ValueError: it is no text."""
        return self.text("revision") or source.revision or FIRST_REVISION


def read_kind(kind: Kind, tables: Any, read: Callable[[Table], T]) -> Iterator[T]:
    """Read the tables of a kind, in the file's order.

    Args:
        kind: of all of them.
        tables: as in the file.
        read: what only this kind has; it raises ValueError for what is wrong.

    Raises:
        ValueError: an entry is wrong; the message says which, and what to write.
    """
    if not isinstance(tables, dict):
        raise ValueError(f"[{kind.key}] must hold a table for each {kind.title}")
    for name, values in tables.items():
        try:
            found = read(_table(kind, name, values))
        except ValueError as error:
            raise ValueError(f"[{kind.key}.{name}] {error}") from error
        yield found


def _table(kind: Kind, name: str, values: Any) -> Table:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{kind.naming} is letters, digits, spaces, '.', '_' and '-'")
    known = _KEYS | kind.keys
    if not isinstance(values, dict) or not set(values) <= known:
        raise ValueError(f"must be a table of {', '.join(sorted(known))}")
    licence = _text(values, "licence")
    if not licence:
        raise ValueError("must name its licence")
    return Table(name, _text(values, "title") or name, licence, values)


def _text(values: Mapping[str, Any], key: str, default: str = "") -> str:
    value = values.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text: licence, title and revision are texts")
    return value.strip()
