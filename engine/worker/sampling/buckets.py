"""How many rows a UNet call may have, so that their number changes nothing.

Kernels are chosen by shape, so the same row can come out of a call of sixteen with other last bits than out of a call
of two, and a picture would depend on what is drawn beside it. On a CPU it is the small products of the time embedding
that differ at almost any number of rows; done two rows at a time they agree. What else may differ depends on model,
size and threads, so that nothing is taken for granted: `proofs.py` tries each number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.worker.conditioning.rows import Conditioning

PAIR = 2
BUCKETS = (2, 4, 8, 16, 32)
LEAST_FULL = 0.75
"""Share of a bucket that images must fill, so that a call with padding beats two smaller ones."""
ROW_DEPENDENT = (
    *("time_embedding.linear_1", "time_embedding.linear_2", "time_emb_proj"),
    *("add_embedding.linear_1", "add_embedding.linear_2"),
)


class RowRule(Protocol):
    """Says how many of the waiting images share the next UNet call."""

    def fit(self, costs: Sequence[int], cap: int) -> tuple[int, int]:
        """Return how many images to take, from the first on and at least one, and the rows of the call.

        Args:
            costs: rows that each image needs.
            cap: rows that the call may have; one image may need more.
        """


@dataclass(frozen=True, slots=True)
class AnyRows:
    """For `fast`: as many rows as there are, up to the cap."""

    def fit(self, costs: Sequence[int], cap: int) -> tuple[int, int]:
        """See `RowRule`."""
        count, rows = 1, costs[0]
        while count < len(costs) and rows + costs[count] <= cap:
            rows += costs[count]
            count += 1
        return count, rows


@dataclass(slots=True)
class BucketRows:
    """Where not every number of rows will do: one of some buckets.

    Args:
        buckets: the numbers of rows, rising from 2. The thread that proves more of them puts a longer tuple here, which
            the step thread finds at its next call.
    """

    buckets: tuple[int, ...]

    def fit(self, costs: Sequence[int], cap: int) -> tuple[int, int]:
        """See `RowRule`. The largest bucket that the images fill, or all but fill: the rest of it is padding."""
        wanted = sum(costs)
        worth_it = [bucket for bucket in self.buckets if bucket <= cap and wanted >= LEAST_FULL * bucket]
        bucket = max(worth_it, default=PAIR)
        return AnyRows().fit(costs, bucket)[0], bucket


@dataclass(frozen=True, slots=True)
class RowShape:
    """The shape of one row: latents (channels, height, width) and conditioning.

    Args:
        channels, height, width: of the latents.
        tokens, features: of the context.
        pooled: features of SDXL's pooled text; 0 without.
        time_ids: how many; 0 without.
    """

    channels: int
    height: int
    width: int
    tokens: int
    features: int
    pooled: int = 0
    time_ids: int = 0

    @classmethod
    def of(cls, channels: int, height: int, width: int, conditioning: Conditioning) -> RowShape:
        """Return the shape of rows with this conditioning."""
        tokens, features = conditioning.context.shape[1:]
        added = conditioning.added
        sizes = (added.text_embeds.shape[1], added.time_ids.shape[1]) if added else ()
        return cls(channels, height, width, tokens, features, *sizes)


@dataclass(frozen=True, slots=True)
class Case:
    """What a number of rows is proven for.

    Args:
        shape: of a row.
        loras: name and revision of those that are applied. Their weights choose no kernel.
    """

    shape: RowShape
    loras: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return what the log calls it."""
        names = " with " + " and ".join(name for name, _ in self.loras) if self.loras else ""
        return f"{self.shape.width}x{self.shape.height} latents{names}"


def work_in_pairs(unet: Any) -> None:
    """Make the layers of a loaded UNet that depend on the number of rows take two rows at a time.

    The layers stay what and where they are; only these instances' `forward` is wrapped.
    """
    for name, layer in unet.named_modules():
        if name.endswith(ROW_DEPENDENT):
            layer.forward = partial(in_pairs, layer.forward)


def in_pairs(forward: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """Return what a layer makes of some rows, two at a time."""
    if len(rows) <= PAIR:
        return forward(rows)
    return torch.cat([forward(pair) for pair in torch.split(rows, PAIR)])
