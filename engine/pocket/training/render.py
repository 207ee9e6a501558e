"""Render the packages' pictures to 128-pixel RGBA and compose them on backgrounds."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.pocket.training import data, icon_names

SIZE = 128
STYLES = ("3d", "flat", "noto", "line art")
Bytes = npt.NDArray[np.uint8]

# The sets of drawings that are learnt from, and the style whose word asks for each.
SETS = {
    "3d": "3d",
    "shaded": "3d",
    "flat": "flat",
    "firefox": "flat",
    "noto": "noto",
    "blob": "noto",
    "streamline": "noto",
    "streamline 2": "noto",
    "streamline 3": "noto",
    "line art": "line art",
}
# Each set's pictures, and the package that knows which picture belongs to which code: not all say it of themselves.
_VECTORS = {
    "flat": (data.FLAT, data.FLAT),
    "shaded": (data.SHADED, data.FLAT),
    "noto": (data.NOTO, data.NOTO),
    "blob": (data.BLOB, data.NOTO),
    "line art": (data.LINE, data.LINE),
}
_UNSEEN = {"twemoji": (data.TWEMOJI, data.NOTO), "emojione": (data.EMOJIONE, data.NOTO)}
# Flags, keycaps, clock faces and skin tones are many pictures of nearly the same thing.
_LEFT_OUT_GROUPS = frozenset({2, 9})


@dataclass(frozen=True)
class Gallery:
    """Every rendered picture.

    Args:
        pixels: (pictures, 128, 128, 4) RGBA bytes.
        index: (code, set) to the picture's row.
    """

    pixels: Bytes
    index: dict[tuple[str, str], int]

    def picture(self, code: str, kind: str) -> Bytes:
        """(128, 128, 4) bytes of one emoji in one of `SETS`."""
        return np.asarray(self.pixels[self.index[code, kind]])

    def drawings(self, codes: Iterable[str], kinds: Iterable[str]) -> list[tuple[str, str]]:
        """The (code, set) pairs there are of some codes in some sets."""
        listed = tuple(kinds)
        return [(code, kind) for code in codes for kind in listed if (code, kind) in self.index]


def open_gallery(packages: Path, cache: Path) -> Gallery:
    """Load the rendered pictures, rendering them on first use (about a minute)."""
    return _open(cache / "gallery", SETS, lambda: _render_all(packages))


def open_unseen(packages: Path, cache: Path) -> Gallery:
    """Load the pictures that pocket never learns from, rendering them on first use."""
    return _open(cache / "unseen", _UNSEEN, lambda: _render_vectors(_UNSEEN, packages))


def _open(path: Path, kinds: Iterable[str], draw: Callable[[], dict[tuple[str, str], Bytes]]) -> Gallery:
    listing, pixels = path.with_suffix(".json"), path.with_suffix(".npy")
    # An older work folder holds other sets: with those the namer would learn from what the UNet learns from.
    if not listing.exists() or {kind for _, kind in json.loads(listing.read_text())} != set(kinds):
        listing.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = draw()
        np.save(pixels, np.stack(list(drawn.values())))
        listing.write_text(json.dumps([list(key) for key in drawn]))
    keys = [(code, style) for code, style in json.loads(listing.read_text())]
    return Gallery(np.load(pixels, mmap_mode="r"), {key: row for row, key in enumerate(keys)})


def compose(
    picture: Bytes,
    background: tuple[int, int, int] = (255, 255, 255),
    scale: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    flip: bool = False,
) -> Bytes:
    """Place one RGBA picture on a plain background.

    Args:
        picture: (128, 128, 4) bytes.
        background: red, green, blue, 0 to 255.
        scale: size of the picture as a share of the canvas, at most 1.
        shift: right and down, as shares of the free room, -1 to 1.
        flip: mirror left and right.

    Returns:
        (128, 128, 3) RGB bytes.
    """
    image = Image.fromarray(np.ascontiguousarray(picture[:, ::-1] if flip else picture))
    side = max(1, round(SIZE * scale))
    if side != SIZE:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (SIZE, SIZE), (*background, 255))
    room = (SIZE - side) / 2
    canvas.alpha_composite(image, (round(room + room * shift[0]), round(room + room * shift[1])))
    return np.asarray(canvas.convert("RGB"))


def _render_all(packages: Path) -> dict[tuple[str, str], Bytes]:
    drawn = _render_vectors(_VECTORS, packages) | _render_named(packages)
    assets = data.fetch(data.ROUND, packages) / "assets"
    for code in _codes(data.fetch(data.LABELS, packages)):
        for path in (assets / f"{code}.webp", assets / f"{code}-fe0f.webp"):
            if path.exists():
                drawn[code, "3d"] = _fit(Image.open(path).convert("RGBA"))
    return drawn


def _render_named(packages: Path) -> dict[tuple[str, str], Bytes]:
    drawn: dict[tuple[str, str], Bytes] = {}
    for kind, package, names in (
        ("firefox", data.FIREFOX, icon_names.FIREFOX),
        ("streamline", data.STREAMLINE, icon_names.STREAMLINE),
    ):
        icons = json.loads((data.fetch(package, packages) / "icons.json").read_text())
        for code, listed in names.items():
            for number, name in enumerate(listed, 1):
                drawn[code, kind if number == 1 else f"{kind} {number}"] = _render_vector(icons["icons"][name], icons)
    return drawn


def _render_vectors(
    styles: dict[str, tuple[data.Package, data.Package]], packages: Path
) -> dict[tuple[str, str], Bytes]:
    codes = _codes(data.fetch(data.LABELS, packages))
    drawn: dict[tuple[str, str], Bytes] = {}
    for style, (pictures, naming) in styles.items():
        icons = json.loads((data.fetch(pictures, packages) / "icons.json").read_text())
        names = json.loads((data.fetch(naming, packages) / "chars.json").read_text())
        for code in codes:
            if icon := icons["icons"].get(names.get(code, names.get(f"{code}-fe0f"))):
                drawn[code, style] = _render_vector(icon, icons)
    return drawn


def _codes(labels: Path) -> list[str]:
    entries = json.loads((labels / "en" / "data.json").read_text())
    kept = [entry for entry in entries if entry.get("group", 2) not in _LEFT_OUT_GROUPS]
    kept = [entry for entry in kept if not entry["label"].endswith(("\u2019clock", "-thirty"))]
    return [entry["hexcode"].lower().replace("-fe0f", "") for entry in kept]


def _render_vector(icon: dict[str, Any], pack: dict[str, Any]) -> Bytes:
    # Only here, so that a machine that was given the caches needs no renderer.
    import resvg_py

    width, height = icon.get("width", pack.get("width", 16)), icon.get("height", pack.get("height", 16))
    box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{SIZE}" height="{SIZE}">{icon["body"]}</svg>'
    return _fit(Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=svg))).convert("RGBA"))


def _fit(image: Image.Image) -> Bytes:
    if image.size != (SIZE, SIZE):
        image = image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return np.asarray(image)
