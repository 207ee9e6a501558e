"""What the owner decides about the engine, validated, and what follows from it on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.children import child_environment

Service = Literal["exact", "fast"]
MemoryProfile = Literal["high", "balanced", "low"]
MemorySetting = Literal["auto", "high", "balanced", "low"]
DeviceName = Annotated[str, Field(pattern=r"^(cpu|cuda:\d{1,2})$")]
NVIDIA_SMI_TIMEOUT_S = 10.0
COMPILE_TIMEOUT_S = 1800.0
"""For all numbers of rows of a model and size."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """One worker to run.

    Args:
        name: unique in the engine, e.g. "cpu-0".
        device: torch device, e.g. "cpu" or "cuda:0".
        threads: CPU threads for its torch.
        service: whether a picture may depend, in its last bits, on what is drawn beside it ("fast") or not ("exact").
        memory: the memory profile of its models; "auto" to choose one for each.
        ram_gb: most RAM that its models may take; None for what is free.
        compile: whether UNets are compiled.
    """

    name: str
    device: str
    threads: int
    service: Service = "exact"
    memory: MemorySetting = "auto"
    ram_gb: float | None = None
    compile: bool = False


def default_models_file() -> Path:
    """Return `models.toml` of EASEL_CONFIG_DIR, else of the source tree, else of the installation."""
    if folder := os.environ.get("EASEL_CONFIG_DIR"):
        return Path(folder) / "models.toml"
    beside_the_code = Path(__file__).resolve().parent.parent / "config" / "models.toml"
    if beside_the_code.exists():
        return beside_the_code
    return Path(sys.prefix) / "share" / "easel" / "config" / "models.toml"


def default_models_dir() -> Path:
    """Return the folder `models` of EASEL_DATA_DIR, or else of the platform's data folder."""
    folder = os.environ.get("EASEL_DATA_DIR")
    return (Path(folder).expanduser() if folder else platformdirs.user_data_path("easel")) / "models"


class EngineSettings(BaseModel):
    """The `[engine]` table of the configuration.

    Args:
        devices: "auto" (every CUDA card, else the CPU) or torch devices by name.
        workers_per_device: worker processes on each device.
        threads: CPU threads of each worker; None for cores divided by workers.
        service: class of service of all workers; "auto" for exact on a CPU, fast on a card.
        memory: what is done so that models take less memory: "high" (there is plenty) nothing, "balanced" little,
            "low" what makes large models fit at all; "auto" for the first that fits, chosen for each model.
        ram_gb: most RAM that the models of each worker may take, in gigabytes: on a CPU all of them, beside a card
            those that wait for their next turn on it. None for what is free.
        compile: whether UNets are compiled, which takes minutes for each model and size, when it is loaded or first
            drawn, and makes every step faster. It needs a compiler.
        queue_limit: jobs that may wait before new ones are refused.
        queue_limit_per_tenant: jobs of one tenant that may wait before its new ones are refused.
        patience_row_steps: how much work may overtake a waiting job because its model is in memory already, in rows
            of the UNet's batch times steps; a picture of 25 steps is 50. Less switches models more often.
        start_timeout_s: how long a worker may take to start.
        step_timeout_s: how long a worker that draws may be silent before it is replaced; `start_timeout_s` is added
            until its first step, because a model may be loading.
        pull_on_demand: whether members are offered models whose files are not here; the first request for one waits
            while they are pulled.
        models_file: the model catalogue.
        models_dir: folder of pulled, added and merged models, with a catalogue of their own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    devices: Literal["auto"] | tuple[DeviceName, ...] = "auto"
    workers_per_device: int = Field(default=1, ge=1, le=16)
    threads: int | None = Field(default=None, ge=1, le=256)
    service: Literal["auto"] | Service = "auto"
    memory: MemorySetting = "auto"
    ram_gb: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    compile: bool = False
    queue_limit: int = Field(default=100, ge=1, le=10_000)
    queue_limit_per_tenant: int = Field(default=20, ge=1, le=10_000)
    patience_row_steps: float = Field(default=1000.0, ge=0)
    start_timeout_s: float = Field(default=300.0, gt=0)
    step_timeout_s: float = Field(default=300.0, gt=0)
    pull_on_demand: bool = False
    models_file: Path = Field(default_factory=default_models_file)
    models_dir: Path = Field(default_factory=default_models_dir)

    @field_validator("devices")
    @classmethod
    def _devices_are_some_and_distinct(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not value or (isinstance(value, tuple) and len(set(value)) != len(value)):
            raise ValueError('name each device once, for example ["cuda:0", "cuda:1"] or ["cpu"]')
        return value

    @property
    def load_timeout_s(self) -> float:
        """How long a worker may be silent before a batch's first step, beyond what it may be later."""
        return self.start_timeout_s + (COMPILE_TIMEOUT_S if self.compile else 0.0)

    def workers(self) -> tuple[WorkerSpec, ...]:
        """Return the workers to run on this machine."""
        devices = find_devices(os.environ) if self.devices == "auto" else self.devices
        names = [(device, number) for device in devices for number in range(self.workers_per_device)]
        threads = self.threads or max(1, _cores() // len(names))
        return tuple(
            WorkerSpec(
                name=f"{device.replace(':', '')}-{number}",
                device=device,
                threads=threads,
                service=self._service_on(device),
                memory=self.memory,
                ram_gb=self.ram_gb,
                compile=self.compile,
            )
            for device, number in names
        )

    def _service_on(self, device: str) -> Service:
        if self.service != "auto":
            return self.service
        return "exact" if device == "cpu" else "fast"


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


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
