"""The device a worker draws on."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Device:
    """Where and in which number type a worker draws.

    Args:
        where: the torch device.
        name: "cpu" or the card's name.
        dtype: of weights and latents: float16 on CUDA, float32 on a CPU.
        memory_format: channels_last on CUDA, where convolutions are faster in it.
        threads: CPU threads of torch; the count changes the last bits of a picture.
    """

    where: torch.device
    name: str
    dtype: torch.dtype
    memory_format: torch.memory_format
    threads: int


def open_device(device: str, threads: int) -> Device:
    """Fix torch's threads for the life of the process and describe the device, e.g. "cpu" or "cuda:0"."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False  # it picks kernels by timing, so that equal recipes could differ
    where = torch.device(device)
    if where.type == "cuda":
        return Device(where, torch.cuda.get_device_name(where), torch.float16, torch.channels_last, threads)
    return Device(where, device, torch.float32, torch.contiguous_format, threads)
