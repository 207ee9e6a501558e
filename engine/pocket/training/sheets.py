"""Sheets of pictures to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

LABEL_HEIGHT = 14


def to_bytes(pictures: Tensor) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Turn (pictures, 3, height, width) values in -1 to 1 into RGB arrays."""
    scaled = ((pictures.detach().float().clamp(-1, 1) + 1) * 127.5).round()
    return list(scaled.movedim(1, -1).cpu().numpy().astype(np.uint8))


def save(pictures: Sequence[Any], path: Path, columns: int, labels: Sequence[str] = ()) -> None:
    """Write pictures of one size in rows, each with its label below.

    Args:
        pictures: RGB arrays.
        path: the PNG to write.
        columns: pictures in a row.
        labels: one per picture, or none at all.
    """
    side = pictures[0].shape[0]
    cell = side + (LABEL_HEIGHT if labels else 0)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * side, rows * cell), "white")
    pen = ImageDraw.Draw(sheet)
    for place, picture in enumerate(pictures):
        left, top = place % columns * side, place // columns * cell
        sheet.paste(Image.fromarray(picture), (left, top))
        if labels:
            pen.text((left + 3, top + side), labels[place], fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
