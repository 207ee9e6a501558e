"""RRDBNet, the network of ESRGAN and Real-ESRGAN, as a module that loads the weights of others.

Source: X. Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018 (dense blocks within
residuals that are scaled), and "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", 2021
(pixels folded into channels for factors below 4).
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import Conv2d, Module, ModuleList, functional

from engine.catalog.rrdb import COLOURS, CONVOLUTIONS, DENSE_BLOCKS, RrdbPlan
from engine.worker.runtime.device import Device

_RESIDUAL_SCALE = 0.2
_SLOPE = 0.2


class _DenseBlock(ModuleList):
    """Five convolutions, each of which sees what all before it made."""

    def __init__(self, features: int, growth: int) -> None:
        widths = [features + index * growth for index in range(CONVOLUTIONS)]
        super().__init__(_convolution(width, growth) for width in widths[:-1])
        self.append(_convolution(widths[-1], features))

    def forward(self, inputs: Tensor) -> Tensor:
        *layers, last = self
        known = inputs
        for layer in layers:
            known = torch.cat([known, _activated(layer(known))], dim=1)
        outputs: Tensor = last(known)
        return inputs + _RESIDUAL_SCALE * outputs


class _Block(ModuleList):
    """Three dense blocks."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__(_DenseBlock(features, growth) for _ in range(DENSE_BLOCKS))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = inputs
        for block in self:
            outputs = block(outputs)
        return inputs + _RESIDUAL_SCALE * outputs


class RrdbNet(Module):
    """Makes pictures larger.

    Args:
        plan: its build.
    """

    def __init__(self, plan: RrdbPlan) -> None:
        super().__init__()
        self.factor, self.fold = plan.factor, plan.fold
        self.first = _convolution(COLOURS * plan.fold**2, plan.features)
        self.blocks = ModuleList(_Block(plan.features, plan.growth) for _ in range(plan.blocks))
        self.trunk = _convolution(plan.features, plan.features)
        self.doublings = ModuleList(_convolution(plan.features, plan.features) for _ in range(plan.doublings))
        self.refine = _convolution(plan.features, plan.features)
        self.last = _convolution(plan.features, COLOURS)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return pictures (n, 3, height * factor, width * factor) of pictures (n, 3, height, width), 0.0 to 1.0."""
        height, width = pixels.shape[2:]
        if self.fold > 1:
            pixels = functional.pad(pixels, (0, -width % self.fold, 0, -height % self.fold), mode="replicate")
            pixels = functional.pixel_unshuffle(pixels, self.fold)
        first = self.first(pixels)
        features = first
        for block in self.blocks:
            features = block(features)
        features = first + self.trunk(features)
        for layer in self.doublings:
            features = _activated(layer(functional.interpolate(features, scale_factor=2.0, mode="nearest")))
        larger: Tensor = self.last(_activated(self.refine(features)))
        return larger[:, :, : height * self.factor, : width * self.factor]


def load_rrdb(file: Path, plan: RrdbPlan, device: Device) -> RrdbNet:
    """Load a network from the file that its plan was made of."""
    with torch.device("meta"):
        network = RrdbNet(plan)
    tensors = {plan.names[name]: tensor.to(device.dtype) for name, tensor in load_file(file).items()}
    network.load_state_dict(tensors, assign=True)
    return network.to(device.where, memory_format=device.memory_format).eval().requires_grad_(False)  # type: ignore[call-overload,no-any-return]


def _convolution(inputs: int, outputs: int) -> Conv2d:
    return Conv2d(inputs, outputs, 3, padding=1)


def _activated(tensor: Tensor) -> Tensor:
    return functional.leaky_relu(tensor, _SLOPE)
