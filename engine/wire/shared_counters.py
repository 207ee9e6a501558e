"""What a bench worker counts while it draws, in a small file that both it and the bench have mapped."""

from __future__ import annotations

import mmap
import struct
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums since the worker's start.

    Args:
        calls: of the UNet.
        rows: of all calls, padding included.
        unet_s: time inside the UNet; on a card only where the worker waits for it.
        cpu_s: processor time of the whole process.
        scheduler_s, decode_s, messages_s, idle_s: of the step thread, in noise schedulers, in the VAE, sending, and
            with nothing to do. These, and what follows, are counted in a profile only.
        prepare_s: of the thread that prepares jobs.
        review_s, png_s: of the thread that reviews pictures, and within it encoding.
    """

    calls: float = 0.0
    rows: float = 0.0
    unet_s: float = 0.0
    cpu_s: float = 0.0
    scheduler_s: float = 0.0
    decode_s: float = 0.0
    messages_s: float = 0.0
    idle_s: float = 0.0
    prepare_s: float = 0.0
    review_s: float = 0.0
    png_s: float = 0.0

    def since(self, earlier: Counts) -> Counts:
        """Return what came after an earlier reading."""
        return Counts(*(now - then for now, then in zip(astuple(self), astuple(earlier), strict=True)))


_LAYOUT = struct.Struct(f"<{len(fields(Counts))}d")


class SharedCounters:
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
