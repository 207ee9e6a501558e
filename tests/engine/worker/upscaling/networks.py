"""Weights of tiny RRDBNets, by the names that files in the wild give them, and what the paper makes of them."""

from __future__ import annotations

import re

import torch
from torch import Tensor
from torch.nn import functional

GROWTH = 4


def random_network(
    doublings: int = 2, fold: int = 1, features: int = 8, blocks: int = 1, seed: int = 3
) -> dict[str, Tensor]:
    """Return a network's weights, named as Real-ESRGAN's are."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}

    def convolution(name: str, inputs: int, outputs: int) -> None:
        spread = (2 / (9 * inputs)) ** 0.5
        tensors[f"{name}.weight"] = spread * torch.randn(outputs, inputs, 3, 3, generator=generator)
        tensors[f"{name}.bias"] = 0.1 * torch.randn(outputs, generator=generator)

    convolution("conv_first", 3 * fold**2, features)
    for block in range(blocks):
        for dense in (1, 2, 3):
            for index in range(1, 6):
                outputs = features if index == 5 else GROWTH
                convolution(f"body.{block}.rdb{dense}.conv{index}", features + (index - 1) * GROWTH, outputs)
    for name in ("conv_body", *(f"conv_up{index + 1}" for index in range(doublings)), "conv_hr"):
        convolution(name, features, features)
    convolution("conv_last", features, 3)
    return tensors


def as_numbered(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights as ESRGAN's first files name them, by places in a sequence."""
    ups = len({name for name in tensors if name.startswith("conv_up")}) // 2
    blocks = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("body"))
    places = {"conv_first": "model.0", "conv_body": f"model.1.sub.{blocks}"}
    places |= {f"conv_up{index + 1}": f"model.{3 + 3 * index}" for index in range(ups)}
    places |= {"conv_hr": f"model.{2 + 3 * ups}", "conv_last": f"model.{4 + 3 * ups}"}
    renamed = {}
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        if match := re.fullmatch(r"body\.(\d+)\.rdb(\d)\.conv(\d)", layer):
            layer = f"model.1.sub.{match[1]}.RDB{match[2]}.conv{match[3]}.0"
        renamed[f"{places.get(layer, layer)}.{kind}"] = tensor
    return renamed


def as_in_between(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights as ESRGAN's later files name them."""
    names = {"conv_body": "trunk_conv", "conv_up": "upconv", "conv_hr": "HRconv", "body": "RRDB_trunk", "rdb": "RDB"}
    renamed = {}
    for name, tensor in tensors.items():
        for new, old in names.items():
            name = name.replace(new, old) if "trunk_conv" not in name else name
        renamed[name] = tensor
    return renamed


def by_the_paper(tensors: dict[str, Tensor], pixels: Tensor, doublings: int, fold: int = 1, blocks: int = 1) -> Tensor:
    """Return what a network makes of a picture, written out step by step."""

    def convolve(name: str, inputs: Tensor) -> Tensor:
        return functional.conv2d(inputs, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=1)

    def activate(inputs: Tensor) -> Tensor:
        return torch.where(inputs > 0, inputs, 0.2 * inputs)

    if fold > 1:
        n, c, h, w = pixels.shape
        squares = pixels.reshape(n, c, h // fold, fold, w // fold, fold)
        pixels = squares.permute(0, 1, 3, 5, 2, 4).reshape(n, c * fold * fold, h // fold, w // fold)
    start = convolve("conv_first", pixels)
    inside = start
    for block in range(blocks):
        before = inside
        for dense in (1, 2, 3):
            name = f"body.{block}.rdb{dense}.conv"
            one = activate(convolve(f"{name}1", inside))
            two = activate(convolve(f"{name}2", torch.cat([inside, one], 1)))
            three = activate(convolve(f"{name}3", torch.cat([inside, one, two], 1)))
            four = activate(convolve(f"{name}4", torch.cat([inside, one, two, three], 1)))
            inside = inside + 0.2 * convolve(f"{name}5", torch.cat([inside, one, two, three, four], 1))
        inside = before + 0.2 * inside
    features = start + convolve("conv_body", inside)
    for index in range(doublings):
        twice = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        features = activate(convolve(f"conv_up{index + 1}", twice))
    return convolve("conv_last", activate(convolve("conv_hr", features)))
