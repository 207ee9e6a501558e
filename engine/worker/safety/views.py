"""Square views of a picture that together show a detector every pixel of it.

Detectors take squares: what they are given otherwise they crop, and never see the rest.
"""

from __future__ import annotations

import math
from itertools import product

from PIL import Image

OVERLAP = 0.75
"""Share of a square that the next one shows again: a thing that two squares would cut stands whole in one between."""
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
    corners = product(_starts(picture.height, tile), _starts(picture.width, tile))
    return [_padded(picture), *(picture.crop((x, y, x + tile, y + tile)) for y, x in corners)]


def _starts(length: int, tile: int) -> list[int]:
    """Return where tiles begin that cover a length evenly, each overlapping the next by OVERLAP at least."""
    gaps = math.ceil((length - tile) / (tile * (1 - OVERLAP)))
    return [round((length - tile) * index / gaps) for index in range(gaps + 1)] if gaps else [0]


def _padded(picture: Image.Image) -> Image.Image:
    """Return a picture in the middle of a white square."""
    side = max(picture.size)
    square = Image.new("RGB", (side, side), _PADDING)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square
