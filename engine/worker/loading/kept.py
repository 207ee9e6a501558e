"""Which numbers of rows were proven, kept over restarts: a file of measured facts, without which nothing breaks."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from engine.worker.loading.weights import tensors_of
from engine.worker.runtime.device import Device
from engine.worker.sampling.buckets import BUCKETS, ROW_DEPENDENT, Case

FILE_NAME = "proven-rows.json"
MOST_KEPT = 1000
"""Facts in the file; those learned first go first."""
_HOW_PROVEN = 1
"""To be raised whenever the proof itself changes."""
_ENVIRONMENT = (
    *("ATEN_", "CUBLAS_", "CUDA_", "CUDNN_", "DNNL_", "GOMP_", "KMP_", "LD_PRELOAD"),
    *("MKL_", "NVIDIA_", "OMP_", "ONEDNN_", "OPENBLAS_", "TORCH_"),
)
"""Beginnings of the variables that math libraries look at."""
_LIBRARIES = ("torch", "diffusers", "transformers")
_SAMPLES = 64
"""Numbers of each tensor that tell one model's weights from another's."""

_log = logging.getLogger(__name__)


class ProofFile:
    """The file. Workers share it; what two of them write at the same moment may be lost, and is proven again.

    Args:
        path: of the file; its folder is made when there is something to keep.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told = False

    def find(self, key: str) -> int | None:
        """Return the largest number of rows that was proven."""
        return self._read().get(key)

    def keep(self, key: str, rows: int) -> None:
        """Write the largest number of rows that was proven. If that fails, the log says so."""
        facts = {**self._read(), key: rows}
        kept = dict(list(facts.items())[-MOST_KEPT:])
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(kept, indent=0), "utf-8")
            os.replace(part, self._path)
        except OSError as error:
            _log.warning("%s cannot be written (%s): rows are proven again after a restart", self._path, error.strerror)

    def _read(self) -> dict[str, int]:
        try:
            facts = json.loads(self._path.read_bytes())
            if isinstance(facts, dict) and all(rows in BUCKETS for rows in facts.values()):
                return facts
            reason = "it does not hold numbers of rows"
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            reason = str(error)
        if not self._told:
            _log.warning("%s is ignored, and rows are proven again: %s", self._path, reason)
            self._told = True
        return {}


@dataclass(frozen=True, slots=True)
class KeptProofs:
    """What was proven of one loaded UNet on this device, as it is now.

    Args:
        file: where it is kept.
        subject: all that the outcome depends on, but for the case.
    """

    file: ProofFile
    subject: str

    @classmethod
    def of(cls, file: ProofFile, revision: str, unet: Any, device: Device, profile: str) -> KeptProofs:
        """Return what is kept of a UNet.

        Args:
            file: where.
            revision: of the model.
            unet: loaded.
            device: that draws.
            profile: the model's memory profile.
        """
        facts = {"revision": revision, "unet": fingerprint(unet), "profile": profile, **surroundings(device)}
        return cls(file, json.dumps(facts, sort_keys=True))

    def find(self, case: Case, tried: int) -> int | None:
        """Return the largest number of rows that was proven when so many were tried; None if that was not done."""
        return self.file.find(self._key(case, tried))

    def keep(self, case: Case, tried: int, rows: int) -> None:
        """Keep it."""
        self.file.keep(self._key(case, tried), rows)

    def _key(self, case: Case, tried: int) -> str:
        text = json.dumps([self.subject, asdict(case), tried], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def surroundings(device: Device, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what else decides which kernels are chosen: libraries, processor, device, threads, environment."""
    return {
        "how": [_HOW_PROVEN, ROW_DEPENDENT],
        "libraries": {package: version(package) for package in _LIBRARIES},
        "build": torch.__config__.show(),
        "processor": _processor(),
        "device": [device.where.type, device.name, str(device.dtype), str(device.memory_format)],
        "threads": device.threads,
        "environment": {name: value for name, value in environment.items() if name.startswith(_ENVIRONMENT)},
    }


def fingerprint(unet: Any) -> str:
    """Return what tells a UNet from others: its configuration, its tensors' shapes, and some numbers of each."""
    config = {name: value for name, value in unet.config.items() if not name.startswith("_")}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    for tensor in tensors_of(unet):
        numbers = tensor.detach().reshape(-1)
        sample = numbers[:: max(1, len(numbers) // _SAMPLES)].to("cpu", torch.float32)
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode() + sample.numpy().tobytes())
    return digest.hexdigest()


def _processor(info: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Return what the processor is called and can do."""
    named = [platform.machine(), platform.processor(), torch.backends.cpu.get_cpu_capability()]
    try:
        first, _, _ = info.read_text("utf-8").partition("\n\n")
    except OSError:
        return named
    wanted = ("model name", "flags", "Features", "CPU part", "cache size")
    return [*named, *(line for line in first.splitlines() if line.startswith(wanted))]
