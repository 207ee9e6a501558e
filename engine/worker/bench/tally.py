"""What a bench worker counts while it draws, in a small file that both it and the bench have mapped."""

from __future__ import annotations

import mmap
import struct
from dataclasses import astuple, dataclass
from pathlib import Path

_LAYOUT = struct.Struct("<4d")


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums since the worker's start.

    Args:
        calls: of the UNet.
        rows: of all calls, padding included.
        unet_s: time inside the UNet; on a card only where the worker waits for it.
        cpu_s: processor time of the whole process.
    """

    calls: float = 0.0
    rows: float = 0.0
    unet_s: float = 0.0
    cpu_s: float = 0.0

    def since(self, earlier: Counts) -> Counts:
        """Return what came after an earlier reading."""
        return Counts(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))


class Tally:
    """One worker's counts. Written by its step thread alone; read by the bench between two measurements.

    Args:
        path: of the file; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(_LAYOUT.size)
            self._map = mmap.mmap(file.fileno(), _LAYOUT.size)

    def write(self, counts: Counts) -> None:
        """Replace the counts."""
        _LAYOUT.pack_into(self._map, 0, *astuple(counts))

    def read(self) -> Counts:
        """Return the counts as they are."""
        return Counts(*_LAYOUT.unpack_from(self._map))
