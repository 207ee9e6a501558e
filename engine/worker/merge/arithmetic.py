"""How two layers become one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_PARALLEL = 1e-4
"""Radians below which two layers point the same way, and going around is going straight."""

Method = Callable[[Tensor, Tensor, Tensor | None, float], Tensor]


def weighted(first: Tensor, second: Tensor, base: Tensor | None, alpha: float) -> Tensor:
    """Return the point at `alpha` on the straight line from the first to the second."""
    return torch.lerp(first, second, alpha)


def slerp(first: Tensor, second: Tensor, base: Tensor | None, alpha: float) -> Tensor:
    """Return the point at `alpha` on the arc from the first to the second, which keeps their length.

    Source: Ken Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985.
    """
    lengths = first.norm() * second.norm()
    if lengths == 0:
        return weighted(first, second, base, alpha)
    angle = torch.arccos(torch.clamp(torch.dot(first, second) / lengths, -1.0, 1.0))
    if angle < _PARALLEL or torch.pi - angle < _PARALLEL:
        return weighted(first, second, base, alpha)
    return (torch.sin((1 - alpha) * angle) * first + torch.sin(alpha * angle) * second) / torch.sin(angle)


def difference(first: Tensor, second: Tensor, base: Tensor | None, alpha: float) -> Tensor:
    """Return the first, with `alpha` of what the second learnt since the base added to it."""
    assert base is not None
    return first + alpha * (second - base)


METHODS: dict[str, Method] = {"weighted": weighted, "slerp": slerp, "difference": difference}
