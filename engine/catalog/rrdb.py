"""What a file of weights for an RRDBNet holds, told from the names and shapes of its tensors, without torch.

An RRDBNet is a first convolution, residual blocks (each three dense blocks of five convolutions), a trunk convolution,
a convolution after each doubling of the sides, and two last ones. Where it makes pictures less than four times as
large, it is fed with pixels folded into channels.

Source: X. Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018, and "Real-ESRGAN:
Training Real-World Blind Super-Resolution with Pure Synthetic Data", 2021.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.catalog.checkpoint_inspection import ContentsError

COLOURS = 3
DENSE_BLOCKS = 3
CONVOLUTIONS = 5
_FOLDS = {COLOURS * fold * fold: fold for fold in (1, 2, 4)}
_KERNEL = 3
_FLOATS = ("F16", "BF16", "F32")
_SINGLE = {
    **{"conv_first": "first", "conv_body": "trunk", "conv_hr": "refine", "conv_last": "last"},
    **{"trunk_conv": "trunk", "HRconv": "refine", "model.0": "first"},
}
_BLOCK = re.compile(r"(?:body|RRDB_trunk|model\.1\.sub)\.(\d{1,3})\.(?:rdb|RDB)([1-3])\.conv([1-5])(?:\.0)?")
_UPSAMPLING = re.compile(r"(?:conv_up|upconv)([1-3])")
_OLD_TRUNK = re.compile(r"model\.1\.sub\.\d{1,3}")
_OLD_TAIL = re.compile(r"model\.(\d{1,2})")


@dataclass(frozen=True, slots=True)
class RrdbPlan:
    """How a network is built.

    Args:
        features: channels between its blocks.
        growth: channels that each convolution of a dense block adds.
        blocks: residual blocks.
        doublings: of the sides.
        fold: side of the squares of pixels that are folded into channels at first.
        names: of the file's tensors, to ours.
    """

    features: int
    growth: int
    blocks: int
    doublings: int
    fold: int
    names: Mapping[str, str]

    @property
    def factor(self) -> int:
        """By which it makes each side larger."""
        return int(2**self.doublings) // self.fold


def plan_rrdb(tensors: Mapping[str, Any]) -> RrdbPlan:
    """Return the network that a file's tensors are for, whatever of three namings they have.

    Args:
        tensors: the header of the file.

    Raises:
        ContentsError: they are for none.
    """
    names = _our_names(tensors)
    try:
        shapes = {names[name]: tuple(tensor["shape"]) for name, tensor in tensors.items()}
        floats = all(tensor["dtype"] in _FLOATS for tensor in tensors.values())
    except (KeyError, TypeError) as error:
        raise ContentsError("its header does not say what its tensors are") from error
    if not floats:
        raise ContentsError("its numbers are no floating-point numbers")
    first, grown = (shapes.get(name, ()) for name in ("first.weight", "blocks.0.0.0.weight"))
    if len(first) != 4 or len(grown) != 4 or first[1] not in _FOLDS:
        raise ContentsError("it is no RRDBNet for pictures of three colours")
    blocks = 1 + max(int(name.split(".")[1]) for name in shapes if name.startswith("blocks."))
    doublings = len({name.split(".")[1] for name in shapes if name.startswith("doublings.")})
    plan = RrdbPlan(first[0], grown[0], blocks, doublings, _FOLDS[first[1]], names)
    wanted = dict(_wanted_shapes(plan))
    for name in sorted(wanted.keys() | shapes.keys()):
        if wanted.get(name) != shapes.get(name):
            own, expected = shapes.get(name, "missing"), wanted.get(name, "none")
            raise ContentsError(f"its {name} is {own}, and {expected} was expected")
    return plan


def _our_names(tensors: Iterable[str]) -> dict[str, str]:
    layers = {name: name.rpartition(".") for name in tensors}
    tails = {int(match[1]) for layer, _, _ in layers.values() if (match := _OLD_TAIL.fullmatch(layer))} - {0}
    tail = dict(zip(sorted(tails), _tail(len(tails)), strict=True))
    return {name: f"{_our_layer(layer, tail, name)}.{kind}" for name, (layer, _, kind) in layers.items()}


def _tail(count: int) -> list[str]:
    """Return what follows the trunk where layers are numbered: a convolution for each doubling, then two more."""
    return [*(f"doublings.{index}" for index in range(count - 2)), "refine", "last"][-count:] if count else []


def _our_layer(layer: str, tail: Mapping[int, str], name: str) -> str:
    if layer in _SINGLE:
        return _SINGLE[layer]
    if match := _BLOCK.fullmatch(layer):
        return f"blocks.{int(match[1])}.{int(match[2]) - 1}.{int(match[3]) - 1}"
    if match := _UPSAMPLING.fullmatch(layer):
        return f"doublings.{int(match[1]) - 1}"
    if _OLD_TRUNK.fullmatch(layer):
        return "trunk"
    if match := _OLD_TAIL.fullmatch(layer):
        return tail[int(match[1])]
    raise ContentsError(f"it holds {name}, which no RRDBNet has: only ESRGAN's and Real-ESRGAN's networks can be used")


def _wanted_shapes(plan: RrdbPlan) -> Iterator[tuple[str, tuple[int, ...]]]:
    for layer, inputs, outputs in _layers(plan):
        yield f"{layer}.weight", (outputs, inputs, _KERNEL, _KERNEL)
        yield f"{layer}.bias", (outputs,)


def _layers(plan: RrdbPlan) -> Iterator[tuple[str, int, int]]:
    """Yield each convolution with its channels in and out."""
    features = plan.features
    yield "first", COLOURS * plan.fold**2, features
    for block in range(plan.blocks):
        for dense in range(DENSE_BLOCKS):
            for index in range(CONVOLUTIONS):
                outputs = plan.growth if index < CONVOLUTIONS - 1 else features
                yield f"blocks.{block}.{dense}.{index}", features + index * plan.growth, outputs
    for layer in ("trunk", *(f"doublings.{index}" for index in range(plan.doublings)), "refine"):
        yield layer, features, features
    yield "last", features, COLOURS
