"""Square views of a picture that together show a detector every pixel of it.

Detectors take squares: what they are given otherwise they crop, and never see the rest.
"""

from __future__ import annotations

import math
from itertools import product

from PIL import Image

OVERLAP, CLOSE_OVERLAP = 0.75, 0.5
"""Share of a square that the next one shows again, so that a thing which two squares cut stands whole in one between.
The second is for squares smaller than both sides of the picture, whose things are rather too large for them."""
_PADDING = (255, 255, 255)


def square_views(picture: Image.Image, side: int) -> list[Image.Image]:
    """Return the whole picture as a square, and overlapping squares of it unless that says all.

    Args:
        picture: RGB, any shape.
        side: of the largest square that is looked at as a whole alone, in pixels: what the model draws natively. A
            square picture up to that has one view; another has squares of its shorter side, or of this if that is less.
    """
    short, long = sorted(picture.size)
    tile = min(short, side)
    if long == tile:
        return [picture]
    overlap = OVERLAP if tile == short else CLOSE_OVERLAP
    corners = product(_starts(picture.height, tile, overlap), _starts(picture.width, tile, overlap))
    return [_padded(picture), *(picture.crop((x, y, x + tile, y + tile)) for y, x in corners)]


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    """Return where tiles begin that cover a length evenly, each overlapping the next by that share at least."""
    gaps = math.ceil((length - tile) / (tile * (1 - overlap)))
    return [round((length - tile) * index / gaps) for index in range(gaps + 1)] if gaps else [0]


def _padded(picture: Image.Image) -> Image.Image:
    """Return a picture in the middle of a white square."""
    side = max(picture.size)
    square = Image.new("RGB", (side, side), _PADDING)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square
