"""Between two tensors: initial noises, and layers of models."""

from __future__ import annotations

import torch
from torch import Tensor

PARALLEL = 0.9995
"""Cosine from which on two tensors point the same way, or opposite ways, and going around is going straight."""
_PIECE = 2**22
"""Numbers that are looked at together: all of any noise, and little memory for a layer of any size."""


def slerp(start: Tensor, end: Tensor, strength: float) -> Tensor:
    """Interpolate on the sphere, so that noise between two noises keeps its spread, and a layer its length.

    Args:
        start, end: tensors of one shape, float32; computed with in float64.
        strength: 0.0 gives `start` bit for bit, 1.0 gives `end`.

    Returns:
        A tensor of their shape, float32. It lies on the straight line where one of them is all zeros.

    Source: K. Shoemake, "Animating rotation with quaternion curves", 1985.
    """
    if strength in (0.0, 1.0):
        return end if strength else start
    pieces = list(zip(torch.split(start.flatten(), _PIECE), torch.split(end.flatten(), _PIECE), strict=True))
    dot = torch.stack([torch.sum(a.double() * b.double()) for a, b in pieces]).sum()
    lengths = [torch.stack([piece.double().norm() for piece in each]).norm() for each in zip(*pieces, strict=True)]
    cosine = dot / (lengths[0] * lengths[1])
    mixed = [_mix(a.double(), b.double(), cosine, strength).float() for a, b in pieces]
    return torch.cat(mixed).view(start.shape)


def _mix(a: Tensor, b: Tensor, cosine: Tensor, strength: float) -> Tensor:
    if not cosine.abs() <= PARALLEL:  # or there is none
        return torch.lerp(a, b, strength)
    angle = torch.acos(cosine)
    return (torch.sin((1 - strength) * angle) * a + torch.sin(strength * angle) * b) / torch.sin(angle)
