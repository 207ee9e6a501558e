"""What the header tells, on files that Pillow wrote, and on files that are none."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import pytest
from PIL import Image

from engine.api import MAX_INPUT_BYTES, MAX_INPUT_PIXELS, BadInput, measure_picture


def file_of(width: int, height: int, form: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height), 200).save(buffer, form, **options)
    return buffer.getvalue()


def lying() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    exif[0x0112] = 6
    return exif


WRITTEN = {
    "png": ("PNG", {}),
    "grey png": ("PNG", {"mode": "L"}),
    "jpeg": ("JPEG", {}),
    "progressive jpeg": ("JPEG", {"progressive": True}),
    "lossy webp": ("WEBP", {}),
    "lossless webp": ("WEBP", {"lossless": True}),
    "clear webp": ("WEBP", {"mode": "RGBA"}),
}


@pytest.mark.parametrize(("form", "options"), WRITTEN.values(), ids=WRITTEN)
def test_each_format_tells_its_size(form: str, options: dict[str, Any]) -> None:
    assert measure_picture(file_of(37, 91, form, **options)) == (37, 91)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_a_phone_stored_lying_is_measured_upright(form: str) -> None:
    assert measure_picture(file_of(64, 48, form, exif=lying())) == (48, 64)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_exif_data_that_cannot_be_read_changes_nothing(form: str) -> None:
    assert measure_picture(file_of(64, 48, form, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")) == (64, 48)


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


PNG, JPEG, WEBP = (file_of(64, 64, form) for form in ("PNG", "JPEG", "WEBP"))
MANY = 100_000
WRONG = {
    "nothing": (b"", "unreadable"),
    "text": (b"a red apple", "unreadable"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>', "unreadable"),
    "gif": (file_of(8, 8, "GIF", "P"), "unreadable"),
    "bmp": (file_of(8, 8, "BMP"), "unreadable"),
    "half a png": (PNG[: len(PNG) // 2], "unreadable"),
    "a png without its end": (PNG[:-12], "unreadable"),
    "the start of a jpeg": (JPEG[:100], "unreadable"),
    "most of a jpeg": (JPEG[:-20], "unreadable"),
    "a jpeg of one marker": (b"\xff\xd8\xff", "unreadable"),
    "half a webp": (WEBP[: len(WEBP) // 2], "unreadable"),
    "a webp without pictures": (b"RIFF\x04\x00\x00\x00WEBP", "unreadable"),
    "a png without width": (png_of(0, 64), "unreadable"),
    "a png of chunks": (PNG[:-12] + (bytes(4) + b"teSt" + bytes(4)) * MANY + PNG[-12:], "unreadable"),
    "a jpeg of padding": (JPEG[:2] + b"\xff" * MANY + JPEG[2:], "unreadable"),
    "a jpeg of lone markers": (JPEG[:2] + b"\xff\x01" * MANY + JPEG[2:], "unreadable"),
    "a jpeg of segments": (JPEG[:2] + b"\xff\xe2\x00\x02" * MANY + JPEG[2:], "unreadable"),
    "a webp of chunks": (
        WEBP[:4] + struct.pack("<I", len(WEBP) - 8 + 8 * MANY) + WEBP[8:] + b"teSt\0\0\0\0" * MANY,
        "unreadable",
    ),
    "12000 by 12000": (png_of(12_000, 12_000), "too_many_pixels"),
    "over 20 MB": (PNG + bytes(MAX_INPUT_BYTES), "too_large"),
}


@pytest.mark.parametrize(("data", "reason"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_used_is_refused_by_its_header(data: bytes, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        measure_picture(data)
    assert refused.value.reason == reason


def test_as_many_pixels_as_are_taken_are_taken() -> None:
    assert measure_picture(png_of(10_000, MAX_INPUT_PIXELS // 10_000)) == (10_000, 5_000)


@pytest.mark.parametrize("data", [PNG, JPEG, WEBP], ids=["png", "jpeg", "webp"])
def test_a_file_cut_anywhere_is_measured_or_refused_and_nothing_else(data: bytes) -> None:
    for length in range(len(data)):
        with suppress(BadInput):
            assert measure_picture(data[:length]) == (64, 64)
