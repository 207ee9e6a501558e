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
            square picture up to that has one view; others have squares of their shorter side, and squares of this if
            that is more.
    """
    short, long = sorted(picture.size)
    views = [picture if short == long else _padded(picture)]
    if short < long:
        views += _tiles(picture, short, OVERLAP)
    if short > side:
        views += _tiles(picture, side, CLOSE_OVERLAP)
    return views


def _tiles(picture: Image.Image, side: int, overlap: float) -> list[Image.Image]:
    """Return squares that cover a picture, each overlapping the next by that share at least."""
    corners = product(_starts(picture.height, side, overlap), _starts(picture.width, side, overlap))
    return [picture.crop((x, y, x + side, y + side)) for y, x in corners]


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
