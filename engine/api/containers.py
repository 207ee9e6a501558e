"""The files that pictures come in, PNG, JPEG and WebP, as named blocks. No pixel is decoded.

What is here reads files of strangers: a file is walked as far as it is sound, nothing is copied, and lengths are
checked before anything is read. What a block means is up to `pictures`, `exif` and `embedded_texts`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

from engine.api.request_errors import BadInput
from engine.api.requests import MAX_INPUT_BYTES

MAX_BLOCKS = 10_000

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_START_OF_SCAN, _END = 0xDA, 0xD9
_LONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})


class Form(Enum):
    """A format of picture files."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class Block:
    """A chunk of a PNG or WebP, or a segment of a JPEG.

    Args:
        name: four letters as in the file; a JPEG's marker, one byte.
        body: without length and checksum.
    """

    name: bytes
    body: memoryview


@dataclass(frozen=True, slots=True)
class Container:
    """What a file holds.

    Args:
        form: its format.
        blocks: in their order, as far as they are sound; of a JPEG those before its pixels.
        whole: whether the file goes on to its end.
    """

    form: Form
    blocks: tuple[Block, ...]
    whole: bool

    def first(self, name: bytes, head: bytes = b"") -> bytes | None:
        """Return the body of the first block of a name that begins so; None if there is none."""
        found = (block.body for block in self.blocks if block.name == name and block.body[: len(head)] == head)
        body = next(found, None)
        return None if body is None else bytes(body)


def read_container(data: bytes) -> Container:
    """Return what a picture's file holds; of a damaged one what stands before the damage.

    Raises:
        BadInput: it is none of the formats, or too large.
    """
    if len(data) > MAX_INPUT_BYTES:
        raise BadInput("too_large", MAX_INPUT_BYTES)
    if data.startswith(_PNG):
        return Container(Form.PNG, *_walk_png(data))
    if data.startswith(_JPEG):
        return Container(Form.JPEG, *_walk_jpeg(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Container(Form.WEBP, *_walk_webp(data))
    raise BadInput("unreadable")


def _walk_png(data: bytes) -> tuple[tuple[Block, ...], bool]:
    """Return the chunks (length, name, body, checksum), and whether the last one is there."""
    view, at = memoryview(data), len(_PNG)
    blocks: list[Block] = []
    while at + 12 <= len(data) and len(blocks) < MAX_BLOCKS:
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if name == b"IEND":
            return tuple(blocks), True
        blocks.append(Block(name, view[at + 8 : end - 4]))
        at = end
    return tuple(blocks), False


def _walk_jpeg(data: bytes) -> tuple[tuple[Block, ...], bool]:
    """Return the segments before the pixels, and whether an end comes after those."""
    view, at = memoryview(data), 2
    blocks: list[Block] = []
    for _ in range(MAX_BLOCKS):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF or marker in _LONE_MARKERS:  # 0xFF is padding
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if marker == _END or length < 2 or end > len(data):
            break
        if marker == _START_OF_SCAN:
            # Among pixels this pair of bytes stands for nothing else.
            return tuple(blocks), data.find(b"\xff\xd9", end) >= 0
        blocks.append(Block(bytes([marker]), view[at + 4 : end]))
        at = end
    return tuple(blocks), False


def _walk_webp(data: bytes) -> tuple[tuple[Block, ...], bool]:
    """Return the chunks (name, length, body, padding), and whether there are as many bytes as the file says.

    What comes behind those is read too, where it is more chunks, and otherwise left alone.
    """
    view, at = memoryview(data), 12
    said = 8 + int(struct.unpack_from("<I", data, 4)[0])
    blocks: list[Block] = []
    while at + 8 <= len(data) and len(blocks) < MAX_BLOCKS:
        name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if end > len(data):
            break
        blocks.append(Block(name, view[at + 8 : end]))
        at = end + length % 2
    return tuple(blocks), said <= len(data) and said < at + 8
