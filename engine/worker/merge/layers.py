"""The layers of a model's files, read and written one at a time, so that a merge never holds two whole models.

Files are read with plain reads: mapped into memory, all of both parents would count as memory of the process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from engine.catalog.checkpoint_inspection import tensors_of, weight_files

_LENGTH_BYTES = 8
_ALIGNMENT = 8
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
# What the same layer was called by older versions of diffusers and transformers.
_OLD_NAMES = (
    (re.compile(r"^text_model\."), ""),
    (re.compile(r"(attentions\.\d+)\.query\."), r"\1.to_q."),
    (re.compile(r"(attentions\.\d+)\.key\."), r"\1.to_k."),
    (re.compile(r"(attentions\.\d+)\.value\."), r"\1.to_v."),
    (re.compile(r"(attentions\.\d+)\.proj_attn\."), r"\1.to_out.0."),
)
_NO_WEIGHTS = "embeddings.position_ids"


@dataclass(frozen=True, slots=True)
class Layer:
    """A tensor in a safetensors file.

    Args:
        name: as the file has it.
        file: where it is.
        start: of its bytes in the file.
        dtype: as the format names it, e.g. "F16".
        shape: its sizes.
        size: bytes.
    """

    name: str
    file: Path
    start: int
    dtype: str
    shape: tuple[int, ...]
    size: int

    def read(self) -> bytes:
        """Return its bytes."""
        with self.file.open("rb") as opened:
            opened.seek(self.start)
            return opened.read(self.size)

    def tensor(self) -> Tensor:
        """Return it in float32, flat."""
        return torch.frombuffer(bytearray(self.read()), dtype=_DTYPES[self.dtype]).float()

    @property
    def is_number(self) -> bool:
        """Whether it can be merged: an index cannot."""
        return self.dtype in _DTYPES


def read_layers(folder: Path, part: str, variant: str | None) -> dict[str, Layer]:
    """Return the layers of a part by their present names, in the order of its files."""
    layers: dict[str, Layer] = {}
    for file in weight_files(folder, part, variant):
        with file.open("rb") as opened:
            body = _LENGTH_BYTES + int.from_bytes(opened.read(_LENGTH_BYTES), "little")
        for name, tensor in tensors_of(file).items():
            begin, end = tensor["data_offsets"]
            shape = tuple(tensor["shape"])
            if not name.endswith(_NO_WEIGHTS):
                layers[_present_name(name)] = Layer(name, file, body + begin, tensor["dtype"], shape, end - begin)
    return layers


def encoded(values: Tensor, dtype: str) -> bytes:
    """Return a flat tensor's bytes in a number type of the format."""
    return values.to(_DTYPES[dtype]).contiguous().view(torch.uint8).numpy().tobytes()


@dataclass(frozen=True, slots=True)
class Planned:
    """A tensor that is to be written.

    Args:
        name, dtype, shape: as in the file.
        make: gives its bytes when its turn comes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    make: Callable[[], bytes]

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * _DTYPES[self.dtype].itemsize if self.dtype in _DTYPES else len(self.make())


def write_layers(
    file: Path, planned: Iterable[Planned], metadata: Mapping[str, str], watch: Callable[[int], None]
) -> None:
    """Write a safetensors file, one tensor after the other.

    Args:
        file: to be made.
        planned: its tensors, in order.
        metadata: texts for its header.
        watch: told the bytes of each tensor when it is written.
    """
    planned = list(planned)
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    offset = 0
    for each in planned:
        header[each.name] = {"dtype": each.dtype, "shape": each.shape, "data_offsets": [offset, offset + each.size]}
        offset += each.size
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(_LENGTH_BYTES, "little") + text)
        for each in planned:
            opened.write(each.make())
            watch(each.size)


def _present_name(name: str) -> str:
    for old, new in _OLD_NAMES:
        name = old.sub(new, name)
    return name
