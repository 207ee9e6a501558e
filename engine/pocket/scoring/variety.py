"""How much pictures of one prompt differ, against pictures of different prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Reals = npt.NDArray[np.floating[Any]]
_NOT_WHITE = 30
"""How far from 255 the darkest channel of a silhouette's pixels is at least."""


def ratio(points: Reals, groups: Sequence[str]) -> float:
    """The median distance within a group over the mean distance between groups.

    Args:
        points: (pictures, anything).
        groups: (pictures,) which prompt each is of.
    """
    away = distances(points)
    same = np.array(groups)[:, None] == np.array(groups)[None, :]
    apart = ~np.eye(len(groups), dtype=bool)
    return float(np.median(away[same & apart]) / away[~same].mean())


def distances(points: Reals) -> Reals:
    """(pictures, pictures) root mean square differences."""
    flat = points.reshape(len(points), -1).astype(np.float64)
    squares = (flat**2).sum(axis=1)
    apart = (squares[:, None] + squares[None, :] - 2 * flat @ flat.T) / flat.shape[1]
    result: Reals = np.sqrt(np.maximum(apart, 0))
    return result


def pixels(pictures: Sequence[Image.Image]) -> Reals:
    """(pictures, height, width, 3) values from 0 to 255 of pictures of one size."""
    return np.stack([np.asarray(picture.convert("RGB"), dtype=np.float32) for picture in pictures])


def overlap(pictures: Sequence[Image.Image], groups: Sequence[str]) -> float:
    """The median share of two silhouettes of one group that both cover; the pictures' backgrounds are white."""
    shapes = (255 - pixels(pictures).min(axis=-1) > _NOT_WHITE).reshape(len(pictures), -1).astype(np.float64)
    both = shapes @ shapes.T
    sizes = shapes.sum(axis=1)
    shares = both / np.maximum(1, sizes[:, None] + sizes[None, :] - both)
    same = np.array(groups)[:, None] == np.array(groups)[None, :]
    return float(np.median(shares[same & ~np.eye(len(groups), dtype=bool)]))


def moved(before: Sequence[Image.Image], after: Sequence[Image.Image]) -> float:
    """The mean over pictures of the root mean square difference of each and what became of it."""
    apart = (pixels(before) - pixels(after)) ** 2
    return float(np.sqrt(apart.mean(axis=(1, 2, 3))).mean())
