"""What is measured and what is read of a picture's file follow the same rules, whatever strangers made of it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from engine.api import MAX_INPUT_PIXELS, BadInput, measure_picture, read_metadata, read_texts
from engine.api.embedded_texts import KEYWORDS, PARAMETERS

TEXT = "a red apple\nSteps: 20, Sampler: Euler, Seed: 1, Size: 64x48, CFG scale: 7"
EXIF_HEAD = b"Exif\x00\x00"
Read = TypeVar("Read")

FORMS = ("PNG", "JPEG", "WEBP")
SHORT, LONG, UNDEFINED = 3, 4, 7


def exif(order: str = ">", turned: int = 6, kind: int = SHORT, comment: str = TEXT) -> bytes:
    """Return EXIF data that turns a picture, and has a comment in its second directory."""
    said = b"UNICODE\0" + comment.encode("utf-16-be")
    value = struct.pack(f"{order}I" if kind == LONG else f"{order}HH", turned, *([0] if kind == SHORT else []))
    return b"".join(
        (
            b"MM\0*" if order == ">" else b"II*\0",
            struct.pack(f"{order}IH", 8, 2),
            struct.pack(f"{order}HHI", 0x0112, kind, 1) + value,
            struct.pack(f"{order}HHIII", 0x8769, LONG, 1, 38, 0),
            struct.pack(f"{order}HHHIII", 1, 0x9286, UNDEFINED, len(said), 56, 0),
            said,
        )
    )


def saved(form: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (64, 48), 200).save(buffer, form, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def segment(body: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def with_blocks(form: str, *bodies: bytes) -> bytes:
    """Return a picture with blocks of EXIF data in a form, each as given."""
    if form == "PNG":
        data = saved("PNG")
        return data[:33] + b"".join(chunk(b"eXIf", body) for body in bodies) + data[33:]
    if form == "JPEG":
        data = saved("JPEG")
        return data[:2] + b"".join(segment(EXIF_HEAD + body) for body in bodies) + data[2:]
    data = saved("WEBP", exif=EXIF_HEAD + exif())
    data = data[: data.index(b"EXIF")]
    data += b"".join(b"EXIF" + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) for body in bodies)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def seen(data: bytes) -> tuple[int, int]:
    """Return the size that a decoder shows."""
    with Image.open(io.BytesIO(data)) as opened:
        return ImageOps.exif_transpose(opened).size


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [SHORT, LONG])
def test_a_turned_picture_is_measured_upright_however_its_exif_data_is_written(
    form: str, order: str, kind: int
) -> None:
    data = with_blocks(form, exif(order, kind=kind))
    assert measure_picture(data) == seen(data) == (48, 64)


@pytest.mark.parametrize("form", FORMS)
def test_exif_data_may_have_the_head_that_a_jpeg_gives_it(form: str) -> None:
    data = with_blocks(form, exif() if form == "JPEG" else EXIF_HEAD + exif())
    assert measure_picture(data) == seen(data) == (48, 64)


def test_exif_data_behind_the_frame_of_a_jpeg_turns_it_as_for_a_decoder() -> None:
    data = saved("JPEG")
    scan = data.index(b"\xff\xda")
    data = data[:scan] + segment(EXIF_HEAD + exif()) + data[scan:]
    assert measure_picture(data) == seen(data) == (48, 64)
    assert read_texts(data) == {PARAMETERS: TEXT}


@pytest.mark.parametrize("form", FORMS)
def test_of_two_blocks_of_exif_data_the_first_counts(form: str) -> None:
    data = with_blocks(form, exif(turned=6, comment="first"), exif(turned=1, comment="second"))
    assert measure_picture(data) == (48, 64)
    assert form == "PNG" or read_texts(data) == {PARAMETERS: "first"}


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_a_directory_that_is_cut_off_still_tells_what_stands_before_the_cut(form: str) -> None:
    whole = exif()
    more_than_there_is = whole[:8] + struct.pack(">H", 60_000) + whole[10:]
    assert read_texts(with_blocks(form, more_than_there_is)) == {PARAMETERS: TEXT}
    assert measure_picture(with_blocks(form, more_than_there_is)) == (48, 64)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("behind", [b"\0", b"PK\x03\x04 and what follows", b"\xff" * 100])
def test_bytes_behind_the_end_of_a_picture_are_left_alone(form: str, behind: bytes) -> None:
    assert measure_picture(saved(form) + behind) == (64, 48)
    assert read_texts(saved(form) + behind) == {}


def test_a_jpeg_that_says_twice_that_it_starts_is_read() -> None:
    data = saved("JPEG", exif=EXIF_HEAD + exif())
    twice = data[:2] + data[:2] + data[2:]
    assert measure_picture(twice) == (48, 64)
    assert read_texts(twice) == {PARAMETERS: TEXT}


BROKEN_OFF: dict[str, Callable[[], bytes]] = {
    "a png": lambda: saved("PNG")[:-1],
    "a jpeg within its pixels": lambda: saved("JPEG")[:-2],
    "a webp": lambda: saved("WEBP")[:-1],
    "a webp of too many chunks": lambda: (
        saved("WEBP")[:4]
        + struct.pack("<I", len(saved("WEBP")) - 8 + 8 * 20_000)
        + saved("WEBP")[8:]
        + b"teSt\0\0\0\0" * 20_000
    ),
}


@pytest.mark.parametrize("make", BROKEN_OFF.values(), ids=BROKEN_OFF)
def test_what_is_not_whole_is_refused_alike_by_whoever_reads_it(make: Callable[[], bytes]) -> None:
    for read in (measure_picture, read_texts):
        with pytest.raises(BadInput) as refused:
            read(make())
        assert refused.value.reason == "unreadable"


def png_text(compressed: bool, international: bool) -> bytes:
    info = PngInfo()
    if international:
        info.add_itxt(PARAMETERS, TEXT, zip=compressed)
    else:
        info.add_text(PARAMETERS, TEXT, zip=compressed)
    return saved("PNG", pnginfo=info)


FILES = (
    *(png_text(compressed, international) for compressed in (False, True) for international in (False, True)),
    *(with_blocks(form, exif(order)) for form in FORMS for order in "<>"),
    saved("JPEG", progressive=True, exif=EXIF_HEAD + exif()),
    saved("WEBP"),
    saved("WEBP", lossless=True, exif=EXIF_HEAD + exif()),
    saved("WEBP", "RGBA", exif=EXIF_HEAD + exif()),
)
NOISE = st.one_of(
    st.binary(max_size=12),
    st.sampled_from((bytes(2), bytes(4), b"\xff" * 2, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a picture's file in which up to four places were overwritten, widened or taken out, perhaps cut off."""
    data = draw(st.sampled_from(FILES))
    for _ in range(draw(st.integers(1, 4))):
        at, noise = draw(st.integers(0, len(data))), draw(NOISE)
        data = data[:at] + noise + data[at + draw(st.sampled_from((0, len(noise), 2 * len(noise)))) :]
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


def reading(read: Callable[[bytes], Read], data: bytes) -> Read | str:
    """Return what was read, or why nothing was."""
    try:
        return read(data)
    except BadInput as refused:
        return refused.reason


@settings(max_examples=400)
@given(damaged())
def test_no_damage_breaks_a_reader_and_what_can_be_measured_can_be_read(data: bytes) -> None:
    size, texts = reading(measure_picture, data), reading(read_texts, data)
    if isinstance(size, str):
        assert size in ("unreadable", "too_many_pixels")
    else:
        assert min(size) > 0
        assert size[0] * size[1] <= MAX_INPUT_PIXELS
        assert not isinstance(texts, str)
    if isinstance(texts, str):
        assert texts == "unreadable"
    else:
        assert texts.keys() <= set(KEYWORDS)
        read_metadata(texts)
