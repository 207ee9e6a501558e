"""How large a picture is, by the header of its file, and whether the file is whole."""

from __future__ import annotations

import struct

from engine.api.containers import Container, Form, read_container
from engine.api.exif import LYING, Exif
from engine.api.request_errors import BadInput
from engine.api.requests import MAX_INPUT_PIXELS

_NO_FRAME = {0xC4, 0xC8, 0xCC}  # JPEG markers among those of frames that are none
_FRAMES = {bytes([marker]) for marker in range(0xC0, 0xD0) if marker not in _NO_FRAME}


def measure_picture(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels of a PNG, JPEG or WebP file, as it is seen upright.

    A file that passes may still turn out to be damaged once it is decoded.

    Raises:
        BadInput: it is none of these, visibly not whole, too large, or of too many pixels.
    """
    container = read_container(data)
    width, height = _stored_size(container) if container.whole else (0, 0)
    if width < 1 or height < 1:
        raise BadInput("unreadable")
    if width * height > MAX_INPUT_PIXELS:
        raise BadInput("too_many_pixels", MAX_INPUT_PIXELS)
    return (height, width) if Exif.of(container).orientation in LYING else (width, height)


def _stored_size(container: Container) -> tuple[int, int]:
    """Return width and height as they are stored, zeros if no header tells them."""
    try:
        match container.form:
            case Form.PNG:
                width, height = struct.unpack_from(">II", container.first(b"IHDR") or b"")
            case Form.JPEG:
                frame = next((block.body for block in container.blocks if block.name in _FRAMES), b"")
                height, width = struct.unpack_from(">HH", frame, 1)
            case Form.WEBP:
                width, height = _webp_size(container)
    except struct.error:
        return 0, 0
    return width, height


def _webp_size(container: Container) -> tuple[int, int]:
    if (canvas := container.first(b"VP8X")) is not None:
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", canvas, 4)
        return 1 + (high_width << 16 | low_width), 1 + (high_height << 16 | low_height)
    if (lossless := container.first(b"VP8L")) is not None:
        (bits,) = struct.unpack_from("<I", lossless, 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", container.first(b"VP8 ") or b"", 6)
    return width & 0x3FFF, height & 0x3FFF
