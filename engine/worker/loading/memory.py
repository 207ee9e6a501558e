"""How much memory there is for models: on a card, and in RAM."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

CARD_RESERVE = 0.2
"""Share of a card that models leave to what is computed with them."""
RAM_RESERVE = 0.1
"""Share of the RAM that models leave to everything else."""
GB = 10**9


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory that models may take: what is measured to be free, and no more than the owner allows.

    Args:
        measure: returns the bytes that are free now.
        reserve_bytes: of them, what models leave free if they can.
        budget_bytes: most that models may take in all; None for all there is.
    """

    measure: Callable[[], int]
    reserve_bytes: int = 0
    budget_bytes: int | None = None

    def free(self, taken: int, spare: bool = True, promised: int = 0) -> int:
        """Return the bytes that models may still take; less than 0 when they have taken too much.

        Args:
            taken: bytes that models have here already.
            spare: whether to leave the reserve alone.
            promised: of them, those that are given away, but not in use now.
        """
        measured = self.measure() - promised - (self.reserve_bytes if spare else 0)
        return measured if self.budget_bytes is None else min(measured, self.budget_bytes - taken)


def card_memory(where: torch.device) -> Memory:
    """Return a CUDA card's memory."""
    _, total = torch.cuda.mem_get_info(where)
    return Memory(partial(_free_on_card, where), int(CARD_RESERVE * total))


def ram(budget_bytes: int | None = None) -> Memory:
    """Return this machine's RAM, or this container's."""
    return Memory(available_ram_bytes, int(RAM_RESERVE * _physical_bytes()), budget_bytes)


def available_ram_bytes(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the RAM that can be taken without swapping; half of all there is where the system does not tell.

    Args:
        proc: has `meminfo`.
        cgroup: has the limits of a container, or none.
    """
    known = [value for value in (_available(proc / "meminfo"), _left_in(cgroup)) if value is not None]
    return min(known, default=_physical_bytes() // 2)


def _free_on_card(where: torch.device) -> int:
    """Return what the driver has left, and what torch keeps for itself without using it."""
    free, _ = torch.cuda.mem_get_info(where)
    return free + torch.cuda.memory_reserved(where) - torch.cuda.memory_allocated(where)


def _available(meminfo: Path) -> int | None:
    fields = _fields(meminfo)
    return 1024 * fields["MemAvailable:"] if "MemAvailable:" in fields else None


def _left_in(cgroup: Path) -> int | None:
    """Return what a container's limit leaves; file pages that can be dropped do not count as used."""
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):
        return None  # no container, or none with a limit ("max")
    return limit - used + _fields(cgroup / "memory.stat").get("inactive_file", 0)


def _fields(path: Path) -> dict[str, int]:
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}


def _physical_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
