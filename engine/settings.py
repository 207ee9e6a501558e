"""What the owner decides about the engine, validated, and what follows from it on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.devices import count_cores, find_devices
from engine.folders import MODELS_DIR, MODELS_FILE, absolute, find_config_dir, find_data_dir

Service = Literal["exact", "fast"]
MemoryProfile = Literal["high", "balanced", "low"]
MemorySetting = Literal["auto", "high", "balanced", "low"]
DeviceName = Annotated[str, Field(pattern=r"^(cpu|cuda:\d{1,2})$")]
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
    """Return `models.toml` of the folder of the configuration."""
    return find_config_dir(os.environ) / MODELS_FILE


def default_models_dir() -> Path:
    """Return the folder `models` of the data folder."""
    return find_data_dir(os.environ) / MODELS_DIR


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

    @field_validator("models_file", "models_dir")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        return absolute(value)

    @property
    def load_timeout_s(self) -> float:
        """How long a worker may be silent before a batch's first step, beyond what it may be later."""
        return self.start_timeout_s + (COMPILE_TIMEOUT_S if self.compile else 0.0)

    def workers(self) -> tuple[WorkerSpec, ...]:
        """Return the workers to run on this machine."""
        devices = find_devices(os.environ) if self.devices == "auto" else self.devices
        names = [(device, number) for device in devices for number in range(self.workers_per_device)]
        threads = self.threads or max(1, count_cores() // len(names))
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
