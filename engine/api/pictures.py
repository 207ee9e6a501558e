"""What the header of a picture's file tells, without decoding a pixel: its format, whether it is whole, its size."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from engine.api.embedded_texts import MAX_CHUNKS
from engine.api.errors import BadInput
from engine.api.requests import MAX_INPUT_BYTES, MAX_INPUT_PIXELS

_PNG = b"\x89PNG\r\n\x1a\n"
_EXIF = b"Exif\x00\x00"
_ORIENTATION = 0x0112
_LYING = range(5, 9)  # orientations whose width is the height that people see
_NO_SIZE = {0xC4, 0xC8, 0xCC}  # JPEG markers among those of frames that are none
_ALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length


def measure_picture(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels of a PNG, JPEG or WebP file, as it is seen upright.

    A file that passes may still turn out to be damaged once it is decoded.

    Raises:
        BadInput: it is none of these, visibly not whole, too large, or of too many pixels.
    """
    if len(data) > MAX_INPUT_BYTES:
        raise BadInput("too_large", MAX_INPUT_BYTES)
    try:
        width, height, orientation = _read(data)
    except (struct.error, IndexError, ValueError) as error:
        raise BadInput("unreadable") from error
    if width < 1 or height < 1:
        raise BadInput("unreadable")
    if width * height > MAX_INPUT_PIXELS:
        raise BadInput("too_many_pixels", MAX_INPUT_PIXELS)
    return (height, width) if orientation in _LYING else (width, height)


def _read(data: bytes) -> tuple[int, int, int]:
    """Return width, height and EXIF orientation as they are stored."""
    if data.startswith(_PNG):
        return _read_png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _read_webp(data)
    raise ValueError("none of the formats that are taken")


def _read_png(data: bytes) -> tuple[int, int, int]:
    width, height, orientation, whole = 0, 0, 1, False
    for name, body in _chunks(data, len(_PNG), ">", check_bytes=4):
        if name == b"IHDR":
            width, height = struct.unpack_from(">II", body)
        elif name == b"eXIf":
            orientation = _orientation(body)
        whole = name == b"IEND"
        if whole:
            break
    if not whole:
        raise ValueError("it ends before its last chunk")
    return width, height, orientation


def _read_webp(data: bytes) -> tuple[int, int, int]:
    width, height, orientation = 0, 0, 1
    if struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise ValueError("it is shorter than it says")
    for name, body in _chunks(data, 12, "<"):
        if name == b"VP8X":
            width, height = (1 + int.from_bytes(body[at : at + 3], "little") for at in (4, 7))
        elif name == b"VP8 " and not width:
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 6))
        elif name == b"VP8L" and not width:
            bits = struct.unpack_from("<I", body, 1)[0]
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif name == b"EXIF":
            orientation = _orientation(body.removeprefix(_EXIF))
    return width, height, orientation


def _chunks(data: bytes, at: int, order: str, check_bytes: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of each chunk of a PNG (length, name, body, check) or a RIFF (name, length, body)."""
    for _ in range(MAX_CHUNKS):
        if at >= len(data):
            return
        if order == ">":
            length, name = struct.unpack_from(">I4s", data, at)
        else:
            name, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + check_bytes
        if end > len(data):
            raise ValueError("it ends inside a chunk")
        yield name, data[at + 8 : at + 8 + length]
        at = end if order == ">" else end + length % 2
    raise ValueError("it has too many chunks")


def _read_jpeg(data: bytes) -> tuple[int, int, int]:
    at, orientation = 2, 1
    for _ in range(MAX_CHUNKS):
        if data[at + 1] == 0xFF:  # padding
            at += 1
            continue
        if data[at] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = data[at + 1]
        at += 2
        if marker in _ALONE:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + length]
        if marker == 0xE1 and body.startswith(_EXIF):
            orientation = _orientation(body[len(_EXIF) :])
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE:
            height, width = struct.unpack_from(">HH", body, 1)
            if data.find(b"\xff\xd9", at) < 0:
                raise ValueError("it ends before its last marker")
            return width, height, orientation
        at += max(length, 2)
    raise ValueError("it has too many segments")


def _orientation(exif: bytes) -> int:
    """Return the orientation that EXIF data tells, 1 (upright) if it tells none that can be read."""
    try:
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if tag == _ORIENTATION:
                return int(value)
    except (struct.error, KeyError):
        pass
    return 1
