"""EXIF data in pictures' files: how a picture is to be turned, and the texts that programs keep there.

It comes from strangers: what is damaged or cut off counts as not there, and the first of entries with one tag counts.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from engine.api.containers import Container, Form

EXIF_HEAD = b"Exif\x00\x00"
EXIF_DIRECTORY = 0x8769
ORIENTATION = 0x0112
USER_COMMENT = 0x9286
MAKER_NOTE = 0x927C

UPRIGHT = 1
LYING = range(5, 9)
"""Orientations whose width is the height that people see."""

_ENTRY_BYTES = 12  # tag, kind, count, and 4 bytes that hold a value or where it is
_LONG = 4


class _Entry(NamedTuple):
    kind: int
    length: int  # in bytes, of what is read here
    value: int  # where its 4 bytes are


class Exif:
    """What EXIF data says.

    Args:
        data: of a block, with or without EXIF_HEAD; empty for a file that has none.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data.removeprefix(EXIF_HEAD)
        self._order = {b"II": "<", b"MM": ">"}.get(self._data[:2], "")

    @classmethod
    def of(cls, container: Container) -> Exif:
        """Return the EXIF data of a file, the first if there are several."""
        match container.form:
            case Form.PNG:
                data = container.first(b"eXIf")
            case Form.JPEG:
                data = container.first(b"\xe1", EXIF_HEAD)
            case Form.WEBP:
                data = container.first(b"EXIF")
        return cls(data or b"")

    @property
    def orientation(self) -> int:
        """How the picture is turned, 1 to 8; UPRIGHT if nothing is said that can be read."""
        entry = self._main().get(ORIENTATION)
        if entry is None:
            return UPRIGHT
        said = self._number("I" if entry.kind == _LONG else "H", entry.value)
        return said if said in range(1, 9) else UPRIGHT

    def field(self, tag: int, max_bytes: int) -> bytes:
        """Return what a program wrote under a tag such as USER_COMMENT; empty if nothing, or more than max_bytes."""
        directory = self._main().get(EXIF_DIRECTORY)
        if directory is None:
            return b""
        entry = self._entries(self._number("I", directory.value)).get(tag)
        if entry is None or not 4 < entry.length <= max_bytes:
            return b""
        start = self._number("I", entry.value)
        return self._data[start : start + entry.length]

    def _main(self) -> Mapping[int, _Entry]:
        return self._entries(self._number("I", 4)) if self._order else {}

    def _entries(self, directory: int) -> Mapping[int, _Entry]:
        """Return the entries of a directory by their tags, as far as it is there; none of a directory at 0."""
        found: dict[int, _Entry] = {}
        count = self._number("H", directory) if directory else 0
        for at in range(directory + 2, directory + 2 + count * _ENTRY_BYTES, _ENTRY_BYTES):
            if at + _ENTRY_BYTES > len(self._data):
                break
            tag, kind, count = struct.unpack_from(f"{self._order}HHI", self._data, at)
            found.setdefault(tag, _Entry(kind, count, at + 8))
        return found

    def _number(self, form: str, at: int) -> int:
        """Return a number, 0 where the data has ended: no directory or value is there."""
        try:
            (number,) = struct.unpack_from(f"{self._order}{form}", self._data, at)
        except struct.error:
            return 0
        return int(number)
