"""What lies behind a thing: white, a plain colour, a soft gradient, or a simple scene."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from PIL import Image, ImageDraw

from engine.pocket.training.render import Bytes

Colour = tuple[int, int, int]
Reals = npt.NDArray[np.floating[Any]]

# Hue in degrees, then the ranges of saturation and value.
_TINTS = {
    "red": (0, (0.5, 0.85), (0.75, 0.95)),
    "orange": (28, (0.45, 0.9), (0.9, 1.0)),
    "yellow": (50, (0.4, 0.85), (0.92, 1.0)),
    "green": (122, (0.3, 0.7), (0.55, 0.92)),
    "blue": (212, (0.35, 0.8), (0.7, 1.0)),
    "purple": (274, (0.3, 0.65), (0.6, 0.95)),
    "pink": (335, (0.3, 0.5), (0.93, 1.0)),
    "grey": (0, (0.0, 0.04), (0.5, 0.82)),
    "black": (0, (0.0, 0.1), (0.03, 0.14)),
}
COLOURS = tuple(_TINTS)
PLACES = {
    "grass": ("in the grass", "on the grass", "in a meadow", "in the garden"),
    "sky": ("in the sky", "in the clouds"),
    "night": ("at night", "under the stars"),
    "table": ("on a table", "on a wooden table", "sitting on a table"),
    "water": ("in the water", "on the sea", "by the sea"),
    "snow": ("in the snow",),
    "sand": ("on the sand", "in the desert"),
    "forest": ("in the forest", "in the woods"),
    "room": ("in a room",),
    "space": ("in space",),
}
# Places with a floor, on which things stand.
STANDING = ("grass", "table", "water", "snow", "sand", "forest", "room")
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Ground:
    """A background.

    Args:
        kind: `plain`, `gradient` or one of `PLACES`.
        name: its colour's word where it is plain or a gradient: one of `COLOURS` or `white`.
        first, second: a gradient's ends; a plain ground is all `first`.
        seed: decides a place's details.
        horizon: where a place's floor begins, as a share of the height from above.
    """

    kind: str = "plain"
    name: str = "white"
    first: Colour = WHITE
    second: Colour = WHITE
    seed: int = 0
    horizon: float = 0.6


PLAIN = Ground()
"""White."""


def choose(random: Generator) -> Ground:
    """A background by chance: white two times in five, else a colour, a gradient or a place."""
    share = random.random()
    if share < 0.4:
        return PLAIN
    if share < 0.7:
        name = str(random.choice(COLOURS))
        first = tint(name, random)
        return Ground("plain", name, first, first)
    if share < 0.8:
        name = str(random.choice(COLOURS[:7]))
        return Ground("gradient", name, tint(name, random), tint(name, random), int(random.integers(1 << 30)))
    kind = str(random.choice(list(PLACES)))
    return Ground(kind, "", seed=int(random.integers(1 << 30)), horizon=random.uniform(0.45, 0.72))


def tint(name: str, random: Generator) -> Colour:
    """One of the shades that a colour word means."""
    hue, saturation, value = _TINTS[name]
    turned = (hue + random.uniform(-8, 8)) % 360 / 360
    mixed = colorsys.hsv_to_rgb(turned, random.uniform(*saturation), random.uniform(*value))
    red, green, blue = (round(255 * part) for part in mixed)
    return red, green, blue


def draw(ground: Ground, width: int, height: int) -> Bytes:
    """(height, width, 3) bytes of a background."""
    if ground.kind == "plain":
        return np.full((height, width, 3), ground.first, dtype=np.uint8)
    random = np.random.default_rng(ground.seed)
    if ground.kind == "gradient":
        angle = random.uniform(0, 2 * np.pi)
        across, down = np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height)
        share = 0.5 + (across[None, :] * np.cos(angle) + down[:, None] * np.sin(angle)) / np.sqrt(2)
        return _mixed(share, ground.first, ground.second)
    canvas = Image.new("RGB", (width, height))
    _PAINTERS[ground.kind](canvas, round(height * ground.horizon), random)
    return np.asarray(canvas)


def _mixed(share: Reals, first: Colour, second: Colour) -> Bytes:
    wide = share[..., None]
    return np.asarray((1 - wide) * np.array(first) + wide * np.array(second), dtype=np.float64).round().astype(np.uint8)


def _band(canvas: Image.Image, top: int, bottom: int, first: Colour, second: Colour) -> None:
    """Fill the rows from top to bottom with a gradient downwards."""
    if bottom > top:
        share = np.repeat(np.linspace(0, 1, bottom - top)[:, None], canvas.width, axis=1)
        canvas.paste(Image.fromarray(_mixed(share, first, second)), (0, top))


def _near(colour: Colour, random: Generator, reach: int = 14) -> Colour:
    red, green, blue = np.clip(np.array(colour) + random.integers(-reach, reach + 1, 3), 0, 255).tolist()
    return red, green, blue


def _sky(canvas: Image.Image, bottom: int, random: Generator) -> None:
    _band(canvas, 0, bottom, _near((120, 190, 245), random), _near((205, 232, 250), random))


def _clouds(canvas: Image.Image, horizon: int, random: Generator) -> None:
    _sky(canvas, canvas.height, random)
    pen, unit = ImageDraw.Draw(canvas), min(canvas.size) / 128
    for _ in range(random.integers(2, 5)):
        x, y = random.uniform(0, canvas.width), random.uniform(0, canvas.height)
        for _ in range(4):
            wide, high = random.uniform(10, 20) * unit, random.uniform(5, 9) * unit
            left, top = x + random.uniform(-14, 14) * unit, y + random.uniform(-4, 4) * unit
            pen.ellipse((left - wide, top - high, left + wide, top + high), fill=(246, 250, 254))


def _grass(canvas: Image.Image, horizon: int, random: Generator) -> None:
    _sky(canvas, horizon, random)
    _band(canvas, horizon, canvas.height, _near((135, 200, 85), random), _near((80, 155, 55), random))
    pen, unit = ImageDraw.Draw(canvas), min(canvas.size) / 128
    for _ in range(random.integers(20, 50)):
        x, y = random.uniform(0, canvas.width), random.uniform(horizon, canvas.height)
        lean = random.uniform(-2, 2) * unit
        pen.line((x, y, x + lean, y - 5 * unit), fill=_near((70, 145, 50), random), width=max(1, round(unit)))


def _night(canvas: Image.Image, horizon: int, random: Generator) -> None:
    _band(canvas, 0, canvas.height, _near((12, 16, 48), random, 8), _near((40, 48, 100), random, 8))
    _stars(canvas, int(random.integers(10, 30)), random)


def _space(canvas: Image.Image, horizon: int, random: Generator) -> None:
    _band(canvas, 0, canvas.height, _near((8, 6, 18), random, 6), _near((28, 12, 46), random, 6))
    _stars(canvas, int(random.integers(30, 70)), random)


def _stars(canvas: Image.Image, count: int, random: Generator) -> None:
    pen, unit = ImageDraw.Draw(canvas), min(canvas.size) / 128
    for _ in range(count):
        x, y, size = random.uniform(0, canvas.width), random.uniform(0, canvas.height), random.uniform(0.5, 1.4) * unit
        pen.ellipse((x - size, y - size, x + size, y + size), fill=_near((245, 240, 215), random, 10))


def _table(canvas: Image.Image, horizon: int, random: Generator) -> None:
    wall = _near((232, 222, 205), random, 20)
    _band(canvas, 0, horizon, wall, _near(wall, random, 6))
    _band(canvas, horizon, canvas.height, _near((172, 116, 70), random, 18), _near((135, 86, 48), random))
    pen, unit = ImageDraw.Draw(canvas), min(canvas.size) / 128
    pen.rectangle((0, horizon, canvas.width, horizon + 2 * unit), fill=_near((120, 74, 40), random))


def _water(canvas: Image.Image, horizon: int, random: Generator) -> None:
    _sky(canvas, horizon, random)
    _band(canvas, horizon, canvas.height, _near((70, 155, 215), random), _near((30, 95, 165), random))
    pen, unit = ImageDraw.Draw(canvas), min(canvas.size) / 128
    for _ in range(random.integers(8, 20)):
        x, y = random.uniform(0, canvas.width), random.uniform(horizon + 2 * unit, canvas.height)
        reach, box = random.uniform(5, 12) * unit, 2 * unit
        pen.arc((x - reach, y - box, x + reach, y + box), 20, 160, fill=(185, 220, 242), width=max(1, round(unit)))


def _snow(canvas: Image.Image, horizon: int, random: Generator) -> None:
    _band(canvas, 0, horizon, _near((170, 195, 220), random), _near((215, 226, 238), random))
    _band(canvas, horizon, canvas.height, (246, 249, 253), (226, 234, 244))
    pen, unit = ImageDraw.Draw(canvas), min(canvas.size) / 128
    for _ in range(random.integers(20, 40)):
        x, y, size = random.uniform(0, canvas.width), random.uniform(0, canvas.height), random.uniform(0.8, 1.8) * unit
        pen.ellipse((x - size, y - size, x + size, y + size), fill=WHITE)


def _sand(canvas: Image.Image, horizon: int, random: Generator) -> None:
    _sky(canvas, horizon, random)
    _band(canvas, horizon, canvas.height, _near((238, 214, 155), random), _near((220, 186, 120), random))


def _forest(canvas: Image.Image, horizon: int, random: Generator) -> None:
    _band(canvas, 0, horizon, _near((150, 195, 160), random), _near((110, 165, 115), random))
    pen, unit = ImageDraw.Draw(canvas), min(canvas.size) / 128
    for _ in range(random.integers(6, 11) * canvas.width // canvas.height):
        x, wide, top = random.uniform(0, canvas.width), random.uniform(9, 17) * unit, random.uniform(0, horizon * 0.6)
        pen.rectangle((x - 2 * unit, top, x + 2 * unit, horizon + 2 * unit), fill=_near((96, 70, 46), random))
        crown = [(x, top), (x - wide, horizon * 0.92), (x + wide, horizon * 0.92)]
        pen.polygon(crown, fill=_near((46, 112, 62), random))
    _band(canvas, horizon, canvas.height, _near((92, 140, 70), random), _near((66, 106, 50), random))


def _room(canvas: Image.Image, horizon: int, random: Generator) -> None:
    wall = tint(str(random.choice(("yellow", "blue", "green", "pink", "grey"))), random)
    pale = tuple(round(0.45 * part + 0.55 * 255) for part in wall)
    _band(canvas, 0, horizon, pale, pale)  # type: ignore[arg-type]
    floor = _near((190, 150, 110), random, 20)
    _band(canvas, horizon, canvas.height, floor, _near(floor, random, 8))
    pen, unit = ImageDraw.Draw(canvas), min(canvas.size) / 128
    pen.rectangle((0, horizon - 3 * unit, canvas.width, horizon), fill=(248, 246, 242))


_PAINTERS = {
    "grass": _grass,
    "sky": _clouds,
    "night": _night,
    "table": _table,
    "water": _water,
    "snow": _snow,
    "sand": _sand,
    "forest": _forest,
    "room": _room,
    "space": _space,
}
