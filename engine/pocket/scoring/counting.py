"""How many things a picture on white shows, judged from its pixels alone."""

from __future__ import annotations

import numpy as np
from PIL import Image

_GRID = 32
_NOT_WHITE = 30
_LEAST_SHARE = 0.15
"""Pieces smaller than this share of the largest one are parts or crumbs of it."""


def pieces(picture: Image.Image) -> int:
    """Count the separate pieces of a picture on a white background; specks do not count."""
    small = picture.convert("RGB").resize((_GRID, _GRID), Image.Resampling.BOX)
    left = {(int(row), int(column)) for row, column in np.argwhere(255 - np.asarray(small).min(axis=-1) > _NOT_WHITE)}
    sizes = []
    while left:
        sizes.append(_take_piece(left))
    return sum(size >= _LEAST_SHARE * max(sizes) for size in sizes)


def _take_piece(left: set[tuple[int, int]]) -> int:
    """Remove one piece and all that touches it from the cells that are left, and return its size."""
    waiting, size = [left.pop()], 0
    while waiting:
        row, column = waiting.pop()
        size += 1
        around = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
        left -= around
        waiting += around
    return size
