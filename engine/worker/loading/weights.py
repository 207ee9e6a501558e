"""The weights of a model: how many bytes they take, and where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from engine.catalog import ModelEntry, Source
from engine.catalog.checkpoint_inspection import ContentsError, weight_files
from engine.catalog.checkpoint_inspection import tensors_of as header_of
from engine.worker.runtime.device import Device

_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
_CHECKER = "safety_checker"


def modules_of(pipeline: Any) -> dict[str, Module]:
    """Return the parts of a pipeline that have weights, by name."""
    return {name: part for name, part in pipeline.components.items() if isinstance(part, Module)}


def count_bytes(modules: Iterable[Module]) -> int:
    """Return the bytes of all tensors of some modules; a tensor they share counts once."""
    return sum({id(tensor): tensor.nbytes for module in modules for tensor in tensors_of(module)}.values())


def tensors_of(module: Module) -> Iterator[Tensor]:
    """Yield every parameter and buffer of a module once."""
    yield from module.parameters()
    yield from module.buffers()


def copy_to(modules: Iterable[Module], where: torch.device) -> None:
    """Put the tensors of some modules somewhere else, as they lie there already: bits, types and strides are kept.

    What is copied from a card to RAM is pinned there, so that it is back soon.

    Args:
        modules: nothing may be computed with them meanwhile.
        where: the torch device.
    """
    for module in modules:
        for tensor in tensors_of(module):
            tensor.data = copied(tensor.data, where)


def copied(tensor: Tensor, where: torch.device) -> Tensor:
    """Return a copy of a tensor on a device."""
    pinned = tensor.device.type == "cuda" and where.type == "cpu"
    copy = torch.empty_like(tensor, device=where, pin_memory=pinned)
    return copy.copy_(tensor, non_blocking=where.type == "cuda")


def estimate_bytes(entry: ModelEntry, device: Device) -> int:
    """Return what a model will take, told from its files alone; as if what cannot be read took nothing.

    Args:
        entry: the model.
        device: its number type is the weights'.
    """
    source = entry.source
    if source.file is not None:
        files = [source.folder / source.file]
    else:
        files = [file for part in _PARTS for file in _weight_files(source, part)]
    for checker in (entry.safety_checker, *entry.additional_checkers):
        files += _weight_files(checker, _CHECKER) or _weight_files(checker, "")
    return device.dtype.itemsize * sum(count_numbers(file) for file in files)


def _weight_files(source: Source, part: str) -> list[Path]:
    try:
        return weight_files(source.folder, part, source.variant)
    except ContentsError:
        return []


def count_numbers(file: Path) -> int:
    """Return how many numbers the tensors of a safetensors file have; 0 if it cannot be read."""
    try:
        return sum(int(prod(tensor["shape"])) for tensor in header_of(file).values())
    except (ContentsError, KeyError, TypeError):
        return 0
