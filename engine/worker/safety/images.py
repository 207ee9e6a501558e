"""Tensors to pictures, tiles to a grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

COLUMNS = 2
_GAP_SHARE = 64
_BACKGROUND = (24, 25, 28)


def to_picture(pixels: Tensor) -> Image.Image:
    """Return the 8-bit RGB picture of one image, rounded as diffusers does.

    Args:
        pixels: (3, height, width), -1.0 to 1.0; what lies outside is cut off.
    """
    unit = (pixels * 0.5 + 0.5).clamp(0, 1)
    array = unit.permute(1, 2, 0).cpu().to(torch.float32).numpy()
    return Image.fromarray((array * 255).round().astype(np.uint8), "RGB")


def compose_grid(tiles: Sequence[Image.Image | None]) -> Image.Image:
    """Return the tiles, all of one size, in reading order in two columns with a thin gap; None leaves a place empty."""
    width, height = next(tile.size for tile in tiles if tile)
    gap = max(1, max(width, height) // _GAP_SHARE)
    rows = -(-len(tiles) // COLUMNS)
    size = (COLUMNS * width + (COLUMNS - 1) * gap, rows * height + (rows - 1) * gap)
    grid = Image.new("RGB", size, _BACKGROUND)
    for index, tile in enumerate(tiles):
        if tile is None:
            continue
        row, column = divmod(index, COLUMNS)
        grid.paste(tile, (column * (width + gap), row * (height + gap)))
    return grid
