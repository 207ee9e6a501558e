"""Give a picture's main colour another hue, so that colour words can be learnt apart from things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.pocket.training.render import Bytes


@dataclass(frozen=True)
class Paint:
    """What a colour word means.

    Args:
        hue: on the circle, 0 to 1.
        saturation, value: of the middle of the painted pixels, 0 to 1.
    """

    hue: float
    saturation: float
    value: float


PAINTS = {
    "red": Paint(0.0, 0.85, 0.88),
    "orange": Paint(28 / 360, 0.9, 0.97),
    "yellow": Paint(50 / 360, 0.8, 0.98),
    "green": Paint(125 / 360, 0.72, 0.7),
    "blue": Paint(216 / 360, 0.8, 0.88),
    "purple": Paint(272 / 360, 0.65, 0.8),
    "pink": Paint(332 / 360, 0.48, 0.98),
}
_BINS = 36
_REACH = 0.12
"""How far from the main hue pixels are painted along, on the hue circle."""
_LEAST_SATURATION = 0.12
_SHADE = 0.35
"""Share of the hues' own differences that stays."""

Reals = npt.NDArray[np.floating[Any]]


def painted(picture: Bytes, paint: Paint) -> Bytes:
    """Paint everything near a picture's main hue.

    Args:
        picture: (128, 128, 4) RGBA bytes.
        paint: the new colour.

    Returns:
        The same shape; what is white, grey or of another hue stays as it is.
    """
    hsv = np.asarray(Image.fromarray(picture[..., :3], "RGB").convert("HSV"), dtype=np.float32) / 255
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    seen = picture[..., 3] > 0
    away = (hue - _main_hue(hue, saturation * value * seen) + 0.5) % 1 - 0.5
    share = _ramp((_REACH - np.abs(away)) / 0.03) * _ramp((saturation - _LEAST_SATURATION) / 0.12)
    weights = share * seen
    fresh = np.stack(
        [
            (paint.hue + _SHADE * away * 0.5) % 1,
            np.clip(saturation * paint.saturation / _middle(saturation, weights), 0, 1),
            _lifted(value, paint.value, _middle(value, weights)),
        ],
        axis=-1,
    )
    colours = Image.fromarray((fresh * 255).round().astype(np.uint8), "HSV").convert("RGB")
    mixed = picture[..., :3] * (1 - share[..., None]) + np.asarray(colours, dtype=np.float32) * share[..., None]
    return np.concatenate([mixed.round().astype(np.uint8), picture[..., 3:]], axis=-1)


def _main_hue(hue: Reals, weights: Any) -> float:
    counts, edges = np.histogram(hue, bins=_BINS, range=(0, 1), weights=weights)
    # Neighbours count too: red lies on both ends of the circle.
    around = counts + np.roll(counts, 1) + np.roll(counts, -1)
    best = int(around.argmax())
    return float((edges[best] + edges[best + 1]) / 2)


def _ramp(values: Any) -> Any:
    return np.clip(values, 0, 1)


def _middle(values: Reals, weights: Any) -> float:
    return float((values * weights).sum() / max(1e-6, weights.sum())) or 1.0


def _lifted(value: Reals, wanted: float, middle: float) -> Any:
    """Move the middle to where it is wanted; shadows and highlights keep their sides of it."""
    darker = value * wanted / middle
    lighter = 1 - (1 - value) * (1 - wanted) / max(1e-3, 1 - middle)
    return np.clip(np.where(value < middle, darker, lighter), 0, 1)
