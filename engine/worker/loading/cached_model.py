"""A model in memory, and what it takes there."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.catalog import ModelEntry
from engine.worker.loading.offload import ModelOffload
from engine.worker.loading.pipelines import LoadedModel, ModelParts
from engine.worker.loading.profiles import MemorySaving
from engine.worker.loading.weights import copy_to, count_bytes, modules_of


@dataclass(slots=True, eq=False)
class CachedModel:
    """A model in memory.

    Args:
        entry: of the catalogue.
        parts: what was loaded.
        size: bytes of all its tensors.
        on_device: whether it lies on the device now, or waits in RAM.
        profile: how it saves memory; None before it was on the device for the first time, like what follows.
        turns: what brings its parts to the device, if they take turns.
        model: what jobs draw with.
        jobs: how many have it in use.
    """

    entry: ModelEntry
    parts: ModelParts
    size: int
    on_device: bool
    profile: MemorySaving | None = None
    turns: ModelOffload | None = None
    model: LoadedModel | None = None
    jobs: int = 0

    @property
    def offloads_parts(self) -> bool:
        """Whether only one of its parts is on the device at a time."""
        return self.profile is not None and self.profile.offloads_parts

    @property
    def size_on_device(self) -> int:
        """Bytes that it takes there: for one that takes turns those of its largest part, and of its checkers."""
        if not self.offloads_parts:
            return self.size
        parts = modules_of(self.parts.pipeline).values()
        return max(count_bytes([part]) for part in parts) + count_bytes(self.parts.checker_modules())

    @property
    def size_in_ram(self) -> int:
        """Bytes that it takes beside the device."""
        return self.size if self.offloads_parts or not self.on_device else 0

    @property
    def promised(self) -> int:
        """Of the bytes that it takes on the device, those of a part whose turn it is not."""
        if self.turns is None:
            return 0
        present = [self.turns.present] if self.turns.present is not None else []
        return self.size_on_device - count_bytes([*present, *self.parts.checker_modules()])

    def move(self, where: torch.device) -> None:
        """Copy what does not take turns."""
        copy_to(self.parts.checker_modules() if self.offloads_parts else self.parts.modules(), where)
