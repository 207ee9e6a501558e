"""The weights of a model: how many bytes they take, and where they lie."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from engine.catalog import ModelEntry, Source
from engine.worker.device import Device

_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
_CHECKER = "safety_checker"
_HEADER_BYTES = 8


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
    """Return what a model will take, told from its files alone; 0 where they are not on this machine yet.

    Args:
        entry: the model.
        device: its number type is the weights'.
    """
    if entry.source.file is not None:
        parts = [entry.source.folder / entry.source.file]
    else:
        parts = [file for part in _PARTS for file in _weight_files(entry.source, part)]
    itself = _weight_files(entry.safety_checker, ".") if entry.safety_checker != entry.source else []
    checker = _weight_files(entry.safety_checker, _CHECKER) or itself
    return sum(_bytes_of(file, device.dtype.itemsize) for file in [*parts, *checker])


def _weight_files(source: Source, part: str) -> list[Path]:
    """Return the files that are read for a part: those of full precision, unless there are only others."""
    files = sorted((source.folder / part).glob("*.safetensors"))
    return [file for file in files if ".fp16." not in file.name] or files


def _bytes_of(file: Path, itemsize: int) -> int:
    """Return what the tensors of a safetensors file take with this many bytes a number; 0 if it is none.

    Source: the safetensors format: the length of a JSON header in 8 bytes, then the header.
    """
    try:
        with file.open("rb") as opened:
            header = json.loads(opened.read(int.from_bytes(opened.read(_HEADER_BYTES), "little")))
        shapes = [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]
        return itemsize * sum(int(prod(shape)) for shape in shapes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError):
        return 0  # loading it will say what is wrong with it
