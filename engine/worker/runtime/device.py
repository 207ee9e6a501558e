"""The device a worker draws on."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import torch

from engine.settings import MemorySetting, Service

ROWS = MappingProxyType({"cpu": 16, "cuda": 32})
"""Rows that a worker takes at once: beyond these a step gets longer and hardly a row cheaper."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where and how a worker draws.

    Args:
        where: the torch device.
        name: "cpu" or the card's name.
        dtype: of weights and latents: float16 on CUDA, float32 on a CPU.
        memory_format: channels_last on CUDA, where convolutions are faster in it.
        threads: CPU threads of torch; the count changes the last bits of a picture.
        service: "exact": a picture does not depend on what is drawn beside it. "fast": it may, in its last bits.
        rows: that one UNet call may have.
        memory: the memory profile that the settings name.
        ram_bytes: most RAM that models may take; None for what is free.
        compiles: whether UNets are compiled.
    """

    where: torch.device
    name: str
    dtype: torch.dtype
    memory_format: torch.memory_format
    threads: int
    service: Service
    rows: int
    memory: MemorySetting = "auto"
    ram_bytes: int | None = None
    compiles: bool = False


def open_device(
    device: str,
    threads: int,
    service: Service = "exact",
    memory: MemorySetting = "auto",
    ram_bytes: int | None = None,
    compiles: bool = False,
) -> Device:
    """Fix torch's threads for the life of the process and describe the device, e.g. "cpu" or "cuda:0"."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False  # it picks kernels by timing, so that equal recipes could differ
    where = torch.device(device)
    is_card = where.type == "cuda"
    return Device(
        where=where,
        name=torch.cuda.get_device_name(where) if is_card else device,
        dtype=torch.float16 if is_card else torch.float32,
        memory_format=torch.channels_last if is_card else torch.contiguous_format,
        threads=threads,
        service=service,
        rows=ROWS[where.type],
        memory=memory,
        ram_bytes=ram_bytes,
        compiles=compiles,
    )
