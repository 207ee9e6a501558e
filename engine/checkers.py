"""What safety checkers are known by: the SHA-256 of their files, and what their towers make of fixed pictures."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

CONFIG = "safety_checker/config.json"
WEIGHTS = "safety_checker/model.safetensors"
PREPROCESSOR = "feature_extractor/preprocessor_config.json"
CHECKER_FILES = (CONFIG, WEIGHTS, PREPROCESSOR)

PUBLIC_FILES: Mapping[str, str] = {
    CONFIG: "5dd77a06cbd9b155060bd58deb81ffd1aafc1c6d7970acac674c1128bd4edfe2",
    WEIGHTS: "9d6a233ff6fd5ccb9f76fd99618d73369c52dd3d8222376384d0e601911089e8",
    PREPROCESSOR: "2a1da83b5e1032aaeef397552ddb408dca0d8cd1dc58f61bf6abf38d6f33a0a2",
}
"""The public checker: Stable Diffusion 1.5's. Where the values come from is in decision 16."""

_SIDE = 96
_DIGITS = 5
Colour = tuple[int, int, int]


class FingerprintError(ValueError):
    """A fingerprint's file cannot be used; the message says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What one checker is known by.

    Args:
        files: SHA-256 of each file that it is loaded from, by its name.
        embeddings: what its tower makes of the fixed pictures, in their order.
    """

    files: Mapping[str, str]
    embeddings: Sequence[Sequence[float]]


@cache
def fixed_pictures() -> tuple[Image.Image, ...]:
    """Return pictures of unlike things, the same bytes on every machine: drawn by whole numbers alone."""
    return tuple(_draw(colour) for colour in (_disk, _stripes, _checks, _meadow, _rings, _mosaic))


def digest_of(file: Path) -> str:
    """Return a file's SHA-256."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write_fingerprint(file: Path, fingerprint: Fingerprint) -> None:
    """Write a fingerprint; nobody ever reads half of it."""
    data = {
        "files": dict(fingerprint.files),
        "pictures": _pictures_digest(),
        "embeddings": [[round(number, _DIGITS) for number in row] for row in fingerprint.embeddings],
    }
    written = file.with_name(f"{file.name}.{os.getpid()}")
    written.write_text(json.dumps(data) + "\n", "utf-8")
    os.replace(written, file)


def read_fingerprint(file: Path) -> Fingerprint:
    """Read a fingerprint.

    Raises:
        FingerprintError: there is none, or it was taken with other pictures.
    """
    try:
        data = json.loads(file.read_text("utf-8"))
        files = {str(name): str(digest) for name, digest in data["files"].items()}
        embeddings = [[float(number) for number in row] for row in data["embeddings"]]
        pictures = data["pictures"]
    except OSError as error:
        raise FingerprintError(f"{file} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FingerprintError(f"{file} is no fingerprint of a safety checker") from error
    if pictures != _pictures_digest() or len(embeddings) != len(fixed_pictures()):
        raise FingerprintError(f"{file} was taken with other pictures")
    if len({len(row) for row in embeddings}) != 1:
        raise FingerprintError(f"{file} is no fingerprint of a safety checker")
    return Fingerprint(files, embeddings)


def _pictures_digest() -> str:
    return hashlib.sha256(b"".join(picture.tobytes() for picture in fixed_pictures())).hexdigest()


def _draw(colour: Callable[[int, int], Colour]) -> Image.Image:
    pixels = bytes(value for y in range(_SIDE) for x in range(_SIDE) for value in colour(x, y))
    return Image.frombytes("RGB", (_SIDE, _SIDE), pixels)


def _disk(x: int, y: int) -> Colour:
    return (220, 40, 30) if (x - 48) ** 2 + (y - 48) ** 2 < 32**2 else (240, 240, 235)


def _stripes(x: int, y: int) -> Colour:
    return (20, 20, 20) if (x + y) // 12 % 2 else (250, 220, 40)


def _checks(x: int, y: int) -> Colour:
    return (255, 255, 255) if (x // 16 + y // 16) % 2 else (0, 0, 0)


def _meadow(x: int, y: int) -> Colour:
    return (40 + y, 90 + y, 230) if y < 60 else (30, 200 - y, 40)


def _rings(x: int, y: int) -> Colour:
    return (30, 60, 200) if ((x - 30) ** 2 + (y - 60) ** 2) // 400 % 2 else (250, 180, 200)


def _mosaic(x: int, y: int) -> Colour:
    mixed = (x // 12 * 73856093 ^ y // 12 * 19349663) * 2654435761 % 2**32
    return mixed >> 24, mixed >> 16 & 255, mixed >> 8 & 255
