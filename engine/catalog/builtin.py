"""Models that Easel carries with it, each with a safety checker of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from engine import pocket


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A built-in model.

    Args:
        folder: its files, in diffusers' format, with those of its checker.
        fingerprint: file of what its checker is known by.
        pictures: folder of the pictures that its checker is proven with.
        preview_margin: by how much a preview must stay under each threshold of it, a difference of cosines.
    """

    folder: Path
    fingerprint: Path
    pictures: Path
    preview_margin: float


BUILT_IN: Mapping[str, BuiltIn] = MappingProxyType(
    {"pocket": BuiltIn(pocket.WEIGHTS, pocket.FINGERPRINT, pocket.PROOF, pocket.PREVIEW_MARGIN)}
)
"""By the name that `{ builtin = "..." }` says."""
