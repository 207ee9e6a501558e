"""`python -m engine.worker.merge`: merge what stdin describes; say how far it is, and the end, as JSON lines.

Nothing is there until all is: the result is made beside its place and moved there at the end.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch

from engine.catalog import FAMILIES, Family, Source
from engine.catalog.checkpoint_inspection import ContentsError, check_family, inspect, tensors_of
from engine.worker.merge.arithmetic import METHODS
from engine.worker.merge.layers import Layer, Planned, encoded, read_layers, write_layers
from engine.worker.runtime.device import open_device

RECORD = "merge.json"
_ABOUT = ("README*", "LICENSE*", "LICENCE*")
_ROLES = ("first", "second", "base")
_WEIGHTLESS = ("scheduler", "tokenizer", "tokenizer_2")
_CARELESS = {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
"""The gate has its own checker: the pipeline's is not merged."""


class Parent(msgspec.Struct, frozen=True):
    """A model that takes part.

    Args:
        name: for what is said about it.
        source: its files on this machine.
        record: what is kept of it beside the result: title, licence, restrictions, repository, revision.
    """

    name: str
    source: Source
    record: dict[str, Any]


class Order(msgspec.Struct, frozen=True):
    """What to merge.

    Args:
        family: of all parents.
        method: "weighted", "slerp" or "difference".
        alpha: 0.0 is the first parent, 1.0 the second.
        parents: the first, the second, and the base for "difference".
        into: folder of the result; must not exist.
    """

    family: str
    method: str
    alpha: float
    parents: list[Parent]
    into: Path


def main() -> int:
    """Merge; return 0, or 1 after one line on stderr."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order, dec_hook=lambda kind, value: kind(value))
    open_device("cpu", max(1, (os.cpu_count() or 1) // 2))
    try:
        size = merge(order, lambda done, total: _tell({"done": done, "total": total}))
    except (ContentsError, OSError) as error:
        print(error.strerror or error if isinstance(error, OSError) else error, file=sys.stderr)
        return 1
    # In kilobytes everywhere but on a Mac.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    _tell({"size": size, "peak_bytes": peak})
    return 0


def merge(order: Order, watch: Callable[[int, int], None]) -> int:
    """Make the merged model's folder, and return the bytes of its weights.

    Args:
        order: what to merge.
        watch: told the bytes done, and of all.

    Raises:
        ContentsError: the parents do not fit together, or are not what they should be.
        OSError: the result cannot be written. In both cases nothing is left of it.
    """
    making = order.into.with_name(f".merging-{order.into.name}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        folders = [_unpacked(parent, order.family, making / str(index)) for index, parent in enumerate(order.parents)]
        result = making / "result"
        family = FAMILIES[order.family]
        size = _write_weights(order, family, folders, result, watch)
        _copy_rest(order, family, folders[0].folder, result)
        os.rename(result, order.into)
        return size
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _unpacked(parent: Parent, family: str, into: Path) -> Source:
    """Return a parent's folder in diffusers' format, made from its single file if it is one."""
    found = inspect(parent.source)
    check_family(found, family)
    if parent.source.file is None:
        return parent.source
    # Only now: it takes seconds, and folders do without it.
    from engine.worker.loading.single_file import load_single_file

    kinds = [tensor["dtype"] for tensor in tensors_of(parent.source.folder / parent.source.file).values()]
    dtype = torch.float16 if kinds.count("F16") > len(kinds) / 2 else torch.float32
    pipeline = load_single_file(parent.source, found.family, dtype)
    pipeline.save_pretrained(into, safe_serialization=True, max_shard_size="100GB")
    return Source(into)


def _write_weights(
    order: Order, family: Family, folders: Sequence[Source], result: Path, watch: Callable[[int, int], None]
) -> int:
    parts = [part for part in family.parts if part not in _WEIGHTLESS]
    plans = {part: list(_plan(order, part, folders)) for part in parts}
    total = sum(planned.size for plan in plans.values() for planned in plan)
    free = shutil.disk_usage(order.into.parent).free
    if total > free:
        raise ContentsError(f"{order.into.parent} has {free / 1e9:.1f} GB free, and {total / 1e9:.1f} GB are needed")
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        watch(done, total)

    metadata = {"format": "pt", "easel.merge": json.dumps(_record(order))}
    for part, plan in plans.items():
        (result / part).mkdir(parents=True)
        stem = "diffusion_pytorch_model" if part in ("unet", "vae") else "model"
        write_layers(result / part / f"{stem}.safetensors", plan, metadata, count)
    return total


def _plan(order: Order, part: str, folders: Sequence[Source]) -> Iterable[Planned]:
    """Yield how each layer of a part is made, if the parents' layers are the same."""
    layers = [read_layers(source.folder, part, source.variant) for source in folders]
    names = [parent.name for parent in order.parents]
    for other, name in zip(layers[1:], names[1:], strict=True):
        _check_same(part, layers[0], other, names[0], name)
    for name, first in layers[0].items():
        same = [each[name] for each in layers]
        whole = {0.0: same[0], 1.0: same[1] if order.method != "difference" else None}.get(order.alpha)
        if whole is None and first.is_number:
            yield Planned(first.name, first.dtype, first.shape, partial(_mixed, order, same))
        else:
            kept = whole or first
            yield Planned(first.name, kept.dtype, kept.shape, kept.read)


def _check_same(
    part: str, first: Mapping[str, Layer], other: Mapping[str, Layer], first_name: str, other_name: str
) -> None:
    for name in first.keys() ^ other.keys():
        has, lacks = (first_name, other_name) if name in first else (other_name, first_name)
        raise ContentsError(f"they cannot be merged: {part} of {has} has a layer {name}, and that of {lacks} has not")
    for name, layer in first.items():
        if layer.shape != other[name].shape:
            shapes = f"{list(layer.shape)} in {first_name} and {list(other[name].shape)} in {other_name}"
            raise ContentsError(f"they cannot be merged: the layer {name} of {part} has the shape {shapes}")


def _mixed(order: Order, layers: Sequence[Layer]) -> bytes:
    tensors = [layer.tensor() for layer in layers]
    base = tensors[2] if len(tensors) > 2 else None
    return encoded(METHODS[order.method](tensors[0], tensors[1], base, order.alpha), layers[0].dtype)


def _copy_rest(order: Order, family: Family, folder: Path, result: Path) -> None:
    """Give the result the first parent's configs and tokenizers, and what the parents say about themselves."""
    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    index |= {key: value for key, value in _CARELESS.items() if key in index}
    (result / "model_index.json").write_text(json.dumps(index, indent=2), "utf-8")
    for part in (*family.parts, "scheduler"):
        for file in (folder / part).glob("*"):
            if file.suffix in (".json", ".txt") and ".index." not in file.name:
                (result / part).mkdir(exist_ok=True)
                shutil.copy(file, result / part / file.name)
    (result / RECORD).write_text(json.dumps(_record(order), indent=2, ensure_ascii=False), "utf-8")
    for role, parent in zip(_ROLES, order.parents, strict=False):
        for file in (file for pattern in _ABOUT for file in parent.source.folder.glob(pattern)):
            kept = result / "parents" / role
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, kept / file.name)


def _record(order: Order) -> dict[str, Any]:
    parents = {role: {"name": each.name, **each.record} for role, each in zip(_ROLES, order.parents, strict=False)}
    return {"family": order.family, "method": order.method, "alpha": order.alpha, "parents": parents}


def _tell(line: Mapping[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
