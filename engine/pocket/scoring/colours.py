"""Which colour a picture is, judged from its pixels alone."""

from __future__ import annotations

import numpy as np
from PIL import Image

HUES = {"red": 0, "orange": 28, "yellow": 50, "green": 120, "blue": 215, "purple": 275, "pink": 330}
"""Degrees on the hue circle."""
_LEAST_SATURATION = 0.25
_LEAST_VALUE = 0.25
_EDGE = 6
"""Width, in pixels, of what counts as background."""


def main_colour(picture: Image.Image) -> str:
    """Return the name of the colour that most coloured pixels are nearest to; empty when there is no colour.

    Args:
        picture: RGB, on a plain white ground.
    """
    hsv = np.asarray(picture.convert("RGB").convert("HSV"), dtype=np.float32) / 255
    hue, saturation, value = hsv[..., 0] * 360, hsv[..., 1], hsv[..., 2]
    coloured = (saturation > _LEAST_SATURATION) & (value > _LEAST_VALUE)
    if coloured.mean() < 0.01:
        return ""
    names = list(HUES)
    away = np.abs((hue[coloured][:, None] - np.array(list(HUES.values())) + 180) % 360 - 180)
    counts = np.bincount(away.argmin(axis=1), weights=saturation[coloured], minlength=len(names))
    return names[int(counts.argmax())]


def background_colour(picture: Image.Image) -> str:
    """Return the main colour of a picture's edge; empty when there is no colour."""
    pixels = np.asarray(picture.convert("RGB"))
    edges = (pixels[:_EDGE], pixels[-_EDGE:], pixels[:, :_EDGE], pixels[:, -_EDGE:])
    return main_colour(Image.fromarray(np.concatenate([edge.reshape(1, -1, 3) for edge in edges], axis=1)))
