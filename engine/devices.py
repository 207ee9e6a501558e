"""Which devices and cores this machine has, found without torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from engine.children import child_environment

NVIDIA_SMI_TIMEOUT_S = 10.0


def find_devices(environment: Mapping[str, str], device_folder: Path = Path("/dev")) -> tuple[str, ...]:
    """Return every CUDA card by its torch name, or the CPU where there is none or torch cannot use it.

    Args:
        environment: its CUDA_VISIBLE_DEVICES limits the cards, as it does for torch.
        device_folder: where the driver puts its card files.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        cards = len([name for name in visible.split(",") if name.strip() and not name.strip().startswith("-")])
    else:
        cards = _count_cards(device_folder)
    if not cards or not _torch_has_cuda():
        return ("cpu",)
    return tuple(f"cuda:{index}" for index in range(cards))


def _count_cards(device_folder: Path) -> int:
    files = [path for path in device_folder.glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)]
    if files or not (command := shutil.which("nvidia-smi")):
        return len(files)
    try:
        result = subprocess.run(
            [command, "-L"], capture_output=True, text=True, timeout=NVIDIA_SMI_TIMEOUT_S, env=child_environment()
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in result.stdout.splitlines())


def _torch_has_cuda() -> bool:
    """Tell from the installed distribution alone, because importing torch is the worker's business."""
    try:
        return not metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return False


def count_cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
