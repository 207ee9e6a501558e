"""LoRA: low-rank changes to layers of the UNet and the text encoders, for as long as one call of theirs.

No weight of the model is touched. A layer's output gets `up(down(input)) * weight` added to it by a hook that lives as
long as the call and answers in the thread that set it alone, so that neither images of other jobs nor what another
thread does with the same model see anything of it.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn import Conv2d, Linear, functional

from engine.api import Lora, LoraUnavailable, LoraUse, UnknownLora
from engine.worker.sampling.buckets import in_pairs

KEPT = 8
"""LoRAs of a model that stay in memory."""
_METADATA = "lora_adapter_metadata"
_PARTS = ("unet", "text_encoder", "text_encoder_2")
_KEY = re.compile(r"(?P<layer>.+?)(?:_lora|\.lora|\.lora_linear_layer)?\.(?P<side>down|up|lora_A|lora_B)\.weight")
_SIDES = {"down": "down", "lora_A": "down", "up": "up", "lora_B": "up"}
_OLD_NAMES = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}


class LoraError(Exception):
    """The file is no LoRA for this model; the message says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is added to the output of one layer.

    Args:
        down: (rank, inputs), or (rank, inputs, height, width) for a convolution.
        up: (outputs, rank), or (outputs, rank, 1, 1).
        alpha: of the file; by the rank, it scales what is added.
    """

    down: Tensor
    up: Tensor
    alpha: float

    def of(self, layer: Any, weight: float, inputs: Tensor) -> Tensor:
        """Return what to add to the layer's output for some inputs."""
        scale = weight * self.alpha / len(self.down)
        down, up = self.down.to(inputs), self.up.to(inputs)  # no copy, unless parts take turns on the card
        if isinstance(layer, Conv2d):
            inner = functional.conv2d(inputs, down, None, layer.stride, layer.padding)
            return functional.conv2d(inner, up) * scale
        # As one matrix, which torch makes of it by itself only where weights are trained, as those of peft are.
        rows = functional.linear(inputs.reshape(-1, inputs.shape[-1]), down)
        return functional.linear(rows, up).reshape(*inputs.shape[:-1], -1) * scale


Changes = Mapping[Any, Sequence[Callable[[Tensor], Tensor]]]
"""Layer to what makes of its input what is added to its output."""
UNCHANGED: Changes = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LoraSet:
    """What the LoRAs of a recipe change.

    Args:
        unet: its layers.
        text: the layers of the text encoders.
    """

    unet: Changes
    text: Changes


class Loras:
    """The LoRAs of one loaded model. Owned by the thread that prepares jobs.

    Args:
        files: those for the model's family.
        exact: then the products take two rows at a time, because they are small and depend on the number of rows.
    """

    def __init__(self, files: Mapping[Lora, Path] = MappingProxyType({}), exact: bool = True) -> None:
        self._files = files
        self._exact = exact
        self._read: OrderedDict[Path, Mapping[str, Mapping[str, Change]]] = OrderedDict()

    def read(self, pipeline: Any, uses: Sequence[LoraUse]) -> LoraSet:
        """Return what the LoRAs change in a pipeline, reading those that are not in memory.

        Raises:
            UnknownLora: there is none of that name and revision for this model.
            LoraUnavailable: a file is missing, damaged, or made for another model.
        """
        changes: dict[str, dict[Any, list[Callable[[Tensor], Tensor]]]] = {part: {} for part in _PARTS}
        for use in uses:
            for part, layers in self._get(pipeline, use).items():
                model = getattr(pipeline, part)
                for name, change in layers.items():
                    layer = model.get_submodule(name)
                    addition = partial(change.of, layer, use.weight)
                    changes[part].setdefault(layer, []).append(partial(in_pairs, addition) if self._exact else addition)
        return LoraSet(changes["unet"], changes["text_encoder"] | changes["text_encoder_2"])

    def _get(self, pipeline: Any, use: LoraUse) -> Mapping[str, Mapping[str, Change]]:
        names = {(lora.name, lora.revision): file for lora, file in self._files.items()}
        file = names.get((use.name, use.revision))
        if file is None:
            raise UnknownLora(use.name, tuple(lora.name for lora in self._files))
        if file not in self._read:
            try:
                self._read[file] = read_lora(file, pipeline)
            except LoraError as error:
                raise LoraUnavailable(use.name, str(error)) from error
        self._read.move_to_end(file)
        while len(self._read) > KEPT:
            self._read.popitem(last=False)
        return self._read[file]


@contextmanager
def applied(changes: Changes) -> Iterator[None]:
    """Change the layers for what this thread does with them until the end of the block."""
    with ExitStack() as hooks:
        for layer, each in changes.items():
            hook = partial(_add, threading.get_ident(), each)
            hooks.callback(layer.register_forward_hook(hook).remove)
        yield


def _add(
    thread: int, additions: Sequence[Callable[[Tensor], Tensor]], layer: Any, inputs: Any, output: Tensor
) -> Tensor:
    if threading.get_ident() != thread:
        return output
    for addition in additions:
        output = output + addition(inputs[0])
    return output


def read_lora(file: Path, pipeline: Any) -> Mapping[str, Mapping[str, Change]]:
    """Read a LoRA from safetensors, in any of the formats that diffusers reads.

    Args:
        file: as written by diffusers, peft, or trainers in Kohya's naming.
        pipeline: what it is for.

    Returns:
        For each part of the pipeline that it changes, the changes by the name of the layer, on the part's device.

    Raises:
        LoraError: the file cannot be read or does not fit.
    """
    tensors, metadata = _load(file)
    if odd := next((key for key in tensors if "dora_scale" in key or "lora_magnitude" in key), None):
        raise LoraError(f"{file.name} is of a kind that is not read here ({odd})")
    try:
        tensors, alphas = StableDiffusionXLPipeline.lora_state_dict(tensors, unet_config=pipeline.unet.config)
    except Exception as error:  # whatever the naming leads its converters to
        raise LoraError(f"{file.name} is no LoRA whose names are known") from error
    sides: dict[tuple[str, str], dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        part, layer, side = _place(key, pipeline, file)
        sides.setdefault((part, layer), {})[side] = tensor
    scales = {_place(_down(key), pipeline, file)[:2]: alpha for key, alpha in (alphas or {}).items()}
    found: dict[str, dict[str, Change]] = {}
    for (part, layer), pair in sides.items():
        alpha = scales.get((part, layer), metadata(part, layer))
        found.setdefault(part, {})[layer] = _change(getattr(pipeline, part), layer, pair, alpha, file)
    if not found:
        raise LoraError(f"{file.name} changes nothing of this model")
    return found


def _load(file: Path) -> tuple[dict[str, Tensor], Callable[[str, str], float | None]]:
    try:
        with safe_open(file, "pt") as opened:
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - it is no mapping
            text = (opened.metadata() or {}).get(_METADATA)
        settings = json.loads(text) if text else {}
    except (OSError, SafetensorError, ValueError) as error:
        raise LoraError(f"{file.name} cannot be read ({error})") from error
    if any(value for key, value in settings.items() if key.endswith((".use_rslora", ".use_dora"))):
        raise LoraError(f"{file.name} is of a kind that is not read here")

    def alpha(part: str, layer: str) -> float | None:
        patterns = settings.get(f"{part}.alpha_pattern") or {}
        return patterns.get(layer, settings.get(f"{part}.lora_alpha"))

    return tensors, alpha


def _down(alpha: str) -> str:
    """Return the name of the tensor that an alpha belongs to."""
    name = alpha.removesuffix(".alpha")
    return name if name.endswith(".weight") else f"{name}.lora.down.weight"


def _place(key: str, pipeline: Any, file: Path) -> tuple[str, str, str]:
    """Return which part of the pipeline a tensor is for, which layer of it, and which side of the product."""
    part, _, rest = key.partition(".")
    named = _KEY.fullmatch(rest.replace(".processor.", "."))
    model = getattr(pipeline, part, None) if part in _PARTS else None
    if named is None or model is None:
        raise LoraError(f"{file.name} has a tensor {key} that this model has no place for")
    above, _, last = named["layer"].rpartition(".")
    if part == "unet":
        last = "to_out.0" if last == "to_out" else last
    else:
        last = _OLD_NAMES.get(last, last)
        above = above if hasattr(model, "text_model") else above.removeprefix("text_model.")
    return part, f"{above}.{last}" if above else last, _SIDES[named["side"]]


def _change(model: Any, name: str, pair: Mapping[str, Tensor], alpha: float | None, file: Path) -> Change:
    try:
        layer = model.get_submodule(name)
    except AttributeError as error:
        raise LoraError(f"{file.name} changes {name}, which this model does not have") from error
    if not isinstance(layer, Linear | Conv2d) or set(pair) != {"down", "up"}:
        raise LoraError(f"{file.name} changes {name} in a way that is not read here")
    down, up = (_shaped(pair[side], layer.weight.ndim) for side in ("down", "up"))
    rank, wanted = down.shape[0], (layer.weight.shape[0], *layer.weight.shape[1:])
    ones = (1,) * (layer.weight.ndim - 2)
    if rank == 0 or up.shape != (wanted[0], rank, *ones) or down.shape[1:] != wanted[1:]:
        raise LoraError(f"{file.name} is for another model: {name} has other sizes")
    if not (down.isfinite().all() and up.isfinite().all()):
        raise LoraError(f"{file.name} holds numbers that are not finite")
    return Change(down.to(layer.weight), up.to(layer.weight), rank if alpha is None else alpha)


def _shaped(tensor: Tensor, ndim: int) -> Tensor:
    """Return a product's side as the layer takes it: what is a 1x1 convolution here is a matrix in some files."""
    if ndim == 4 and tensor.ndim == 2:
        return tensor[:, :, None, None]
    if ndim == 2 and tensor.ndim == 4 and tensor.shape[2:] == torch.Size([1, 1]):
        return tensor[:, :, 0, 0]
    return tensor
