"""A large picture through a network in tiles, so that what it takes of memory does not grow with the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

TILE = 192
"""Side of a tile in pixels of the small picture."""
OVERLAP = 32
"""Pixels around a tile that the network sees besides; its answer for them is thrown away."""

Watch = Callable[[int, int], None]
"""Told how many steps are done, of how many. It may raise, to end the work."""


@dataclass(frozen=True, slots=True)
class _Span:
    """A tile's place along one side: what is kept of it, and what the network sees."""

    start: int
    end: int
    seen_start: int
    seen_end: int


def enlarge_in_tiles(
    network: Callable[[Tensor], Tensor],
    pixels: Tensor,
    own_factor: int,
    factor: int,
    watch: Watch,
    tile: int = TILE,
    overlap: int = OVERLAP,
) -> Tensor:
    """Return a picture `factor` times as large, in float32 on the CPU.

    Args:
        network: makes of (1, 3, height, width) one that is `own_factor` times as large.
        pixels: (1, 3, height, width).
        own_factor: of the network.
        factor: a divisor of that; each square of pixels in between becomes their mean.
        watch: told before each tile, and at the end.
        tile, overlap: in pixels; multiples of 4, so that a network which folds pixels folds the same ones.
    """
    height, width = pixels.shape[2:]
    larger = torch.empty(1, pixels.shape[1], height * factor, width * factor)
    places = list(product(_spans(height, tile, overlap), _spans(width, tile, overlap)))
    for done, (rows, columns) in enumerate(places):
        watch(done, len(places))
        seen = pixels[:, :, rows.seen_start : rows.seen_end, columns.seen_start : columns.seen_end]
        made = reduced(network(seen), own_factor // factor)
        top, left = (rows.start - rows.seen_start) * factor, (columns.start - columns.seen_start) * factor
        down, right = (rows.end - rows.start) * factor, (columns.end - columns.start) * factor
        target = larger[:, :, rows.start * factor : rows.end * factor, columns.start * factor : columns.end * factor]
        target.copy_(made[:, :, top : top + down, left : left + right])
    watch(len(places), len(places))
    return larger


def reduced(pixels: Tensor, by: int) -> Tensor:
    """Return pictures with sides `by` times smaller, each pixel the mean of those it stands for."""
    return functional.avg_pool2d(pixels, by) if by > 1 else pixels


def _spans(side: int, tile: int, overlap: int) -> Iterator[_Span]:
    for start in range(0, side, tile):
        end = min(start + tile, side)
        yield _Span(start, end, max(0, start - overlap), min(side, end + overlap))
