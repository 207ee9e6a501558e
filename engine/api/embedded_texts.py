"""The texts inside picture files: PNG's text chunks, and what JPEG and WebP have in EXIF. No pixel is decoded.

What is here reads files of strangers. Whatever is damaged, too long or foreign counts as not there; lengths are checked
before anything is copied or unpacked.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from engine.api.containers import Container, Form, read_container
from engine.api.exif import MAKER_NOTE, USER_COMMENT, Exif
from engine.api.request_errors import BadInput

Texts = Mapping[str, str]

PARAMETERS = "parameters"
RECIPE = "easel"
KEYWORDS = (PARAMETERS, RECIPE)
MAX_TEXT_BYTES = 256 * 1024

UNICODE_HEAD = b"UNICODE\x00"
RECIPE_HEAD = b"EASEL\x00\x00\x00"


def read_texts(data: bytes) -> Texts:
    """Return the texts under KEYWORDS that a PNG, JPEG or WebP file carries, as far as it is whole.

    Raises:
        BadInput: it is none of these, too large, or ends before its end without having told anything.
    """
    container = read_container(data)
    texts = _chunk_texts(container) if container.form is Form.PNG else _exif_texts(Exif.of(container))
    if not texts and not container.whole:
        raise BadInput("unreadable")
    return texts


def _chunk_texts(container: Container) -> Texts:
    texts: dict[str, str] = {}
    seen: set[str] = set()
    for block in container.blocks:
        if block.name in _TEXT_CHUNKS and len(block.body) <= MAX_TEXT_BYTES:
            _keep(texts, seen, block.name, bytes(block.body))
    return texts


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


def _exif_texts(exif: Exif) -> Texts:
    texts: dict[str, str] = {}
    if comment := _comment(exif.field(USER_COMMENT, MAX_TEXT_BYTES)):
        texts[PARAMETERS] = comment
    if (note := exif.field(MAKER_NOTE, MAX_TEXT_BYTES)).startswith(RECIPE_HEAD):
        texts[RECIPE] = note.removeprefix(RECIPE_HEAD).decode("utf-8", "replace")
    return texts


def _comment(comment: bytes) -> str:
    head, body = comment[:8], comment[8:]
    if head == UNICODE_HEAD:
        # The byte order is written nowhere. Some text is always ASCII, and its zeros tell.
        little = body[1::2].count(0) > body[0::2].count(0)
        return body.decode("utf-16-le" if little else "utf-16-be", "replace")
    if head.rstrip(b"\0") in (b"ASCII", b""):
        return body.decode("utf-8", "replace").rstrip("\0")
    return ""
