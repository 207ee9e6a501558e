"""The texts inside picture files: PNG's text chunks, and what JPEG and WebP have in EXIF. No pixel is decoded.

What is here reads files of strangers. Whatever is damaged, too long or foreign counts as not there; lengths are checked
before anything is copied or unpacked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

from engine.api.errors import BadInput
from engine.api.requests import MAX_INPUT_BYTES

Texts = Mapping[str, str]

PARAMETERS = "parameters"
RECIPE = "easel"
KEYWORDS = (PARAMETERS, RECIPE)
MAX_TEXT_BYTES = 256 * 1024
MAX_CHUNKS = 10_000

EXIF_HEAD = b"Exif\x00\x00"
EXIF_DIRECTORY = 0x8769
USER_COMMENT = 0x9286
MAKER_NOTE = 0x927C
UNICODE_HEAD = b"UNICODE\x00"
RECIPE_HEAD = b"EASEL\x00\x00\x00"

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_ENTRY = 12
_START_OF_SCAN = 0xDA
_APP1 = 0xE1
_LONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})


def read_texts(data: bytes) -> Texts:
    """Return the texts under KEYWORDS that a PNG, JPEG or WebP file carries, as far as it is whole.

    Raises:
        BadInput: it is none of these, too large, or ends before its end without having told anything.
    """
    if len(data) > MAX_INPUT_BYTES:
        raise BadInput("too_large", MAX_INPUT_BYTES)
    if data.startswith(_PNG):
        texts, whole = _read_png(data)
    elif data.startswith(_JPEG):
        texts, whole = _read_jpeg(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        texts, whole = _read_webp(data)
    else:
        raise BadInput("unreadable")
    if not whole and not texts:
        raise BadInput("unreadable")
    return texts


def _read_png(data: bytes) -> tuple[Texts, bool]:
    texts: dict[str, str] = {}
    seen: set[str] = set()
    at = len(_PNG)
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            return texts, False
        length, kind = struct.unpack_from(">I4s", data, at)
        start, at = at + 8, at + 12 + length
        if at > len(data):
            return texts, False
        if kind == b"IEND":
            return texts, True
        if kind in _TEXT_CHUNKS and length <= MAX_TEXT_BYTES:
            _keep(texts, seen, kind, data[start : start + length])
    return texts, False


def _keep(texts: dict[str, str], seen: set[str], kind: bytes, body: bytes) -> None:
    """Keep what the first chunk of a keyword says; thousands that unpack to giants would take seconds to refuse."""
    keyword, _, rest = body.partition(b"\0")
    name = keyword.decode("latin-1")
    if name in KEYWORDS and name not in seen:
        seen.add(name)
        text = _TEXT_CHUNKS[kind](rest)
        if text is not None:
            texts[name] = text


def _plain_text(rest: bytes) -> str:
    return rest.decode("latin-1")


def _packed_text(rest: bytes) -> str | None:
    unpacked = _unpack(rest[1:]) if rest[:1] == b"\0" else None
    return None if unpacked is None else unpacked.decode("latin-1")


def _international_text(rest: bytes) -> str | None:
    packed, method, rest = rest[:1], rest[1:2], rest[2:]
    *_, text = [b"", *rest.split(b"\0", 2)]  # after the language and the keyword's translation
    if packed == b"\x01":
        unpacked = _unpack(text) if method == b"\0" else None
        return None if unpacked is None else unpacked.decode("utf-8", "replace")
    return text.decode("utf-8", "replace")


_TEXT_CHUNKS = {b"tEXt": _plain_text, b"zTXt": _packed_text, b"iTXt": _international_text}


def _unpack(packed: bytes) -> bytes | None:
    """Return what was packed; None if it is damaged or more than MAX_TEXT_BYTES, which is found out in that much."""
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(packed, MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return unpacked if unpacking.eof else None


def _read_jpeg(data: bytes) -> tuple[Texts, bool]:
    at = 2
    for _ in range(MAX_CHUNKS):
        if at + 4 > len(data) or data[at] != 0xFF:
            return {}, False
        marker = data[at + 1]
        if marker == 0xFF or marker in _LONE_MARKERS:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker == _START_OF_SCAN:
            return {}, True
        if length < 2 or at + 2 + length > len(data):
            return {}, False
        body = data[at + 4 : at + 2 + length]
        if marker == _APP1 and body.startswith(EXIF_HEAD):
            return _read_exif(body), True
        at += 2 + length
    return {}, False


def _read_webp(data: bytes) -> tuple[Texts, bool]:
    at = 12
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        start, at = at + 8, at + 8 + length + length % 2
        if kind == b"EXIF" and start + length <= len(data):
            return _read_exif(data[start : start + length]), True
    return {}, end <= len(data)


def _read_exif(exif: bytes) -> Texts:
    exif = exif.removeprefix(EXIF_HEAD)
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return {}
    texts: dict[str, str] = {}
    try:
        main = dict(_entries(exif, order, struct.unpack_from(f"{order}I", exif, 4)[0]))
        if EXIF_DIRECTORY not in main:
            return {}
        fields = dict(_entries(exif, order, struct.unpack_from(f"{order}I", main[EXIF_DIRECTORY])[0]))
    except struct.error:
        return {}
    if comment := _comment(fields.get(USER_COMMENT, b"")):
        texts[PARAMETERS] = comment
    if (note := fields.get(MAKER_NOTE, b"")).startswith(RECIPE_HEAD):
        texts[RECIPE] = note.removeprefix(RECIPE_HEAD).decode("utf-8", "replace")
    return texts


def _entries(exif: bytes, order: str, directory: int) -> Iterator[tuple[int, bytes]]:
    """Yield tag and bytes of the entries of a directory that the texts may be in, the first of each tag."""
    seen: set[int] = set()
    (count,) = struct.unpack_from(f"{order}H", exif, directory)
    for at in range(directory + 2, directory + 2 + count * _ENTRY, _ENTRY):
        tag, _, length = struct.unpack_from(f"{order}HHI", exif, at)
        if tag in seen:
            continue
        seen.add(tag)
        if tag == EXIF_DIRECTORY:
            yield tag, exif[at + 8 : at + 12]
        elif tag in (USER_COMMENT, MAKER_NOTE) and 4 < length <= MAX_TEXT_BYTES:
            (start,) = struct.unpack_from(f"{order}I", exif, at + 8)
            yield tag, exif[start : start + length]


def _comment(comment: bytes) -> str:
    head, body = comment[:8], comment[8:]
    if head == UNICODE_HEAD:
        # The byte order is written nowhere. Some text is always ASCII, and its zeros tell.
        little = body[1::2].count(0) > body[0::2].count(0)
        return body.decode("utf-16-le" if little else "utf-16-be", "replace")
    if head.rstrip(b"\0") in (b"ASCII", b""):
        return body.decode("utf-8", "replace").rstrip("\0")
    return ""
