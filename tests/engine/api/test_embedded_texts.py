"""The texts in files of strangers: read where they are whole, and never at any cost."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.api import BadInput, read_texts
from engine.api.embedded_texts import MAX_TEXT_BYTES, PARAMETERS, UNICODE_HEAD
from engine.api.exif import EXIF_DIRECTORY, EXIF_HEAD, USER_COMMENT
from engine.api.requests import MAX_INPUT_BYTES

TEXT = "りんご, a red apple\nSteps: 20, Sampler: Euler"
PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes, end: bool = True) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"".join((PNG, head, *chunks, chunk(b"IEND", b"") if end else b""))


def saved(form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, form, **options)
    return buffer.getvalue()


def exif(comment: bytes, order: str = ">") -> bytes:
    """Return EXIF data with a user comment, as other programs lay it out."""
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", 8)
    main = struct.pack(f"{order}HHHIII", 1, EXIF_DIRECTORY, 4, 1, 26, 0)
    sub = struct.pack(f"{order}HHHIII", 1, USER_COMMENT, 7, len(comment), 44, 0)
    return head + main + sub + comment


def png_with(compressed: bool, text: str, international: bool) -> bytes:
    info = PngInfo()
    if international:
        info.add_itxt(PARAMETERS, text, lang="en", tkey="x", zip=compressed)
    else:
        info.add_text(PARAMETERS, text, zip=compressed)
    return saved("PNG", pnginfo=info)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("text", "international"), [("a café", False), (TEXT, True), ("a café", True)])
def test_every_kind_of_text_chunk_is_read(compressed: bool, text: str, international: bool) -> None:
    assert read_texts(png_with(compressed, text, international)) == {PARAMETERS: text}


def test_texts_after_the_pixels_are_read() -> None:
    assert read_texts(png(chunk(b"IDAT", b"?"), chunk(b"tEXt", b"parameters\0late"))) == {PARAMETERS: "late"}


def test_texts_of_other_programs_are_left_alone() -> None:
    assert read_texts(png(chunk(b"tEXt", b"Software\0Paint"), chunk(b"tEXt", b"Parameters\0x"))) == {}


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
@pytest.mark.parametrize(
    "comment",
    [
        UNICODE_HEAD + TEXT.encode("utf-16-be"),
        UNICODE_HEAD + TEXT.encode("utf-16-le"),
        b"\0" * 8 + TEXT.encode(),
        b"ASCII\0\0\0" + TEXT.encode(),
    ],
)
@pytest.mark.parametrize("order", [">", "<"])
def test_a_user_comment_is_read_however_it_is_written(form: str, comment: bytes, order: str) -> None:
    head = EXIF_HEAD if form == "JPEG" else b""

    assert read_texts(saved(form, exif=head + exif(comment, order))) == {PARAMETERS: TEXT}


def test_a_comment_of_latin_letters_in_little_order_is_not_taken_for_chinese() -> None:
    assert read_texts(saved("JPEG", exif=EXIF_HEAD + exif(UNICODE_HEAD + "abc".encode("utf-16-le")))) == {
        PARAMETERS: "abc"
    }


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"%PDF-1.7", PNG, png(end=False), b"\xff\xd8\xff\xe0\x00\x10JFIF", b"RIFF\xff\xff\0\0WEBPVP8 "],
)
def test_what_is_no_whole_picture_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput) as refused:
        read_texts(data)
    assert refused.value.reason == "unreadable"


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(BadInput) as refused:
        read_texts(PNG + bytes(MAX_INPUT_BYTES))
    assert refused.value.reason == "too_large"


def test_a_picture_that_breaks_off_after_its_texts_still_tells_them() -> None:
    data = png_with(False, TEXT, True)

    assert read_texts(data[:-30]) == {PARAMETERS: TEXT}


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_without_texts_tells_nothing(form: str) -> None:
    assert read_texts(saved(form)) == {}


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_small_chunk_that_unpacks_to_a_giant_is_as_good_as_not_there(kind: bytes) -> None:
    bomb = zlib.compress(bytes(64 * MAX_TEXT_BYTES), 9)
    head = b"parameters\0\0" if kind == b"zTXt" else b"parameters\0\x01\0\0\0"
    data = png(chunk(kind, head + bomb))
    tracemalloc.start()

    texts = read_texts(data)

    assert texts == {}
    assert tracemalloc.get_traced_memory()[1] < 8 * MAX_TEXT_BYTES
    tracemalloc.stop()


def test_a_file_of_nothing_but_chunks_is_given_up() -> None:
    with pytest.raises(BadInput):
        read_texts(png(chunk(b"teSt", b"") * 100_000))


@pytest.mark.parametrize("segment", [b"\xff", b"\xff\x01", b"\xff\xe2\x00\x02"])
def test_a_jpeg_of_nothing_but_segments_is_given_up(segment: bytes) -> None:
    whole = saved("JPEG", exif=EXIF_HEAD + exif(UNICODE_HEAD + TEXT.encode("utf-16-be")))

    with pytest.raises(BadInput):
        read_texts(whole[:2] + segment * 100_000 + whole[2:])


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_after_a_giant_nothing_else_of_its_name_is_unpacked(kind: bytes) -> None:
    head = b"parameters\0\0" if kind == b"zTXt" else b"parameters\0\x01\0\0\0"
    giant, small = (chunk(kind, head + zlib.compress(bytes(size))) for size in (2 * MAX_TEXT_BYTES, 1))

    assert read_texts(png(giant, small)) == {}


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_of_entries_with_one_tag_the_first_is_read(form: str) -> None:
    first, second = UNICODE_HEAD + b"\0a", UNICODE_HEAD + b"\0b"
    entries = (struct.pack(">HHII", USER_COMMENT, 7, len(first), at) for at in (56, 56 + len(first)))
    data = exif(first)[:26] + struct.pack(">H", 2) + b"".join(entries) + bytes(4) + first + second

    assert read_texts(saved(form, exif=EXIF_HEAD + data)) == {PARAMETERS: "a"}
