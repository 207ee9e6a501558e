"""Pictures to files: PNG, or what fits a limit, with the texts that say how they were drawn. Pillow, and no torch."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.api import Recipe
from engine.api.embedded_texts import PARAMETERS, RECIPE, RECIPE_HEAD, UNICODE_HEAD, Texts
from engine.api.exif import EXIF_DIRECTORY, MAKER_NOTE, USER_COMMENT
from engine.api.metadata import embedded_texts

PNG, WEBP, JPEG = "image/png", "image/webp", "image/jpeg"
JPEG_SEGMENT_BYTES = 65_533
JPEG_QUALITIES = (95, 90, 80, 65, 50)
WEBP_MAX_SIDE = 16383


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a picture becomes a file.

    Args:
        recipe, index: of the picture, if its file is to tell them.
        max_bytes: what the file may have; 0 for a PNG, however large.
    """

    recipe: Recipe | None = None
    index: int = 0
    max_bytes: int = 0

    def texts(self) -> Texts:
        """Return what the file tells."""
        return embedded_texts(self.recipe, self.index) if self.recipe else {}


def encode_picture(picture: Image.Image, wrapping: FileOptions) -> tuple[bytes, str]:
    """Return an RGB picture as a file and its media type: the first that fits of PNG, lossless WebP, and JPEG.

    If none fits it is the smallest JPEG. Equal pictures and wrappings are equal bytes.
    """
    texts = wrapping.texts()
    data = _png(picture, texts)
    if not wrapping.max_bytes or len(data) <= wrapping.max_bytes:
        return data, PNG
    exif = _exif(texts)
    if max(picture.size) <= WEBP_MAX_SIDE:
        data = _saved(picture, "WEBP", lossless=True, exif=exif)
        if len(data) <= wrapping.max_bytes:
            return data, WEBP
    exif = _fitting_exif(texts)
    for quality in JPEG_QUALITIES:
        data = _saved(picture, "JPEG", quality=quality, exif=exif)
        if len(data) <= wrapping.max_bytes:
            break
    return data, JPEG


def decode_picture(data: bytes) -> Image.Image:
    """Return the RGB picture in a file that `encode_picture` made."""
    with Image.open(io.BytesIO(data), formats=("PNG", "WEBP", "JPEG")) as picture:
        return picture.convert("RGB")


def _png(picture: Image.Image, texts: Texts) -> bytes:
    info = PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword, text)  # international where Latin-1 cannot hold it
    return _saved(picture, "PNG", pnginfo=info)


def _exif(texts: Texts) -> bytes:
    tags = {}
    if PARAMETERS in texts:
        tags[USER_COMMENT] = UNICODE_HEAD + texts[PARAMETERS].encode("utf-16-be")
    if RECIPE in texts:
        tags[MAKER_NOTE] = RECIPE_HEAD + texts[RECIPE].encode()
    if not tags:
        return b""
    exif = Image.Exif()
    exif[EXIF_DIRECTORY] = tags
    return exif.tobytes()


def _fitting_exif(texts: Texts) -> bytes:
    """Return what fits into the one segment that a JPEG has for it: all, or the recipe alone, or nothing."""
    alone = {keyword: text for keyword, text in texts.items() if keyword == RECIPE}
    return next(exif for exif in map(_exif, (texts, alone, {})) if len(exif) <= JPEG_SEGMENT_BYTES)


def _saved(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()
