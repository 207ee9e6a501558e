"""How two layers become one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engine.worker.sampling.interpolation import slerp

Method = Callable[[Tensor, Tensor, Tensor | None, float], Tensor]


def weighted(first: Tensor, second: Tensor, base: Tensor | None, alpha: float) -> Tensor:
    """Return the point at `alpha` on the straight line from the first to the second."""
    return torch.lerp(first, second, alpha)


def around(first: Tensor, second: Tensor, base: Tensor | None, alpha: float) -> Tensor:
    """Return the point at `alpha` on the arc from the first to the second, which keeps their length."""
    return slerp(first, second, alpha)


def difference(first: Tensor, second: Tensor, base: Tensor | None, alpha: float) -> Tensor:
    """Return the first, with `alpha` of what the second learnt since the base added to it."""
    assert base is not None
    return first + alpha * (second - base)


METHODS: dict[str, Method] = {"weighted": weighted, "slerp": around, "difference": difference}
