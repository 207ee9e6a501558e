"""How many rows a UNet call may have, and the proof that their number changes nothing.

Kernels are chosen by shape, so the same row can come out of a call of sixteen with other last bits than out of a call
of two, and a picture would depend on what is drawn beside it. On a CPU it is the small products of the time embedding
that differ at almost any number of rows; done two rows at a time they agree. What else may differ depends on model,
size and threads, so that nothing is taken for granted: each number of rows is tried against calls of two, bit for bit.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.worker.conditioning import Added, Conditioning
from engine.worker.seeds import seeded

PAIR = 2
BUCKETS = (2, 4, 8, 16, 32)
PROOF_LIMIT_S = 10.0
LEAST_FULL = 0.75
"""Share of a bucket that images must fill, so that a call with padding beats two smaller ones."""
_ROW_DEPENDENT = (
    *("time_embedding.linear_1", "time_embedding.linear_2", "time_emb_proj"),
    *("add_embedding.linear_1", "add_embedding.linear_2"),
)
_PROOF_SEED = 0
_MAX_TIMESTEP = 1000
_MAX_PIXELS = 2048

_log = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class BucketRows:
    """Where not every number of rows will do: one of some buckets.

    Args:
        buckets: the numbers of rows, rising from 2.
    """

    buckets: Sequence[int]

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


class RowRules:
    """Which numbers of rows one loaded UNet takes, by shape and LoRAs. Owned by the thread that prepares jobs.

    Args:
        unet: the loaded UNet; in `exact` its row-dependent layers work in pairs already.
        most_rows: that a call may have.
        exact: whether the rows must come out the same whatever their number, which is then proven.
        compiled: whether the UNet is compiled for each number of rows, which is then done before the first is drawn.
    """

    def __init__(self, unet: Any, most_rows: int, exact: bool, compiled: bool = False) -> None:
        self._unet = unet
        self._most_rows = most_rows
        self._exact = exact
        self._compiled = compiled
        self._rules: dict[tuple[RowShape, tuple[str, ...]], RowRule] = {}

    def get(self, shape: RowShape, loras: tuple[str, ...] = ()) -> RowRule:
        """Return the rule for a shape, finding it out the first time.

        Args:
            shape: of the rows.
            loras: names of those that are applied; their weights choose no kernel. What is compiled does not know them,
                so that calls with them are not.
        """
        if (shape, loras) not in self._rules:
            self._rules[shape, loras] = self._find(shape) if not (loras and self._compiled) else self._uncompiled()
        return self._rules[shape, loras]

    def _uncompiled(self) -> RowRule:
        return BucketRows((PAIR,)) if self._exact else AnyRows()

    def _find(self, shape: RowShape) -> RowRule:
        buckets: Sequence[int] = ()
        if self._compiled:
            started = time.monotonic()
            buckets = warm_buckets(self._unet, shape, self._most_rows)
            took_s = time.monotonic() - started
            _log.info("calls of %dx%d latents are compiled, in %.0f s", shape.width, shape.height, took_s)
        if self._exact:
            buckets = prove_buckets(self._unet, shape, self._most_rows)
            _log.info("rows of %dx%d latents are proven in calls of %d", shape.width, shape.height, buckets[-1])
        return BucketRows(buckets) if buckets else AnyRows()


def work_in_pairs(unet: Any) -> None:
    """Make the layers of a loaded UNet that depend on the number of rows take two rows at a time.

    The layers stay what and where they are; only these instances' `forward` is wrapped.
    """
    for name, layer in unet.named_modules():
        if name.endswith(_ROW_DEPENDENT):
            layer.forward = partial(in_pairs, layer.forward)


def in_pairs(forward: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """Return what a layer makes of some rows, two at a time."""
    if len(rows) <= PAIR:
        return forward(rows)
    return torch.cat([forward(pair) for pair in torch.split(rows, PAIR)])


@torch.no_grad()
def warm_buckets(unet: Any, shape: RowShape, most_rows: int) -> Sequence[int]:
    """Call a UNet once with each bucket; give back the buckets that it had memory for, at least the smallest."""
    random = _Proof(unet, shape, min(most_rows, BUCKETS[-1]))
    warm: list[int] = []
    for bucket in (bucket for bucket in BUCKETS if bucket <= random.rows):
        try:
            random.call(0, bucket)
        except torch.OutOfMemoryError:
            break
        warm.append(bucket)
    return tuple(warm) or (PAIR,)


@torch.no_grad()
def prove_buckets(unet: Any, shape: RowShape, most_rows: int, limit_s: float = PROOF_LIMIT_S) -> Sequence[int]:
    """Compare calls of each bucket with calls of two, on random rows.

    Args:
        unet: the loaded UNet.
        shape: of the rows.
        most_rows: largest bucket to try.
        limit_s: a bucket whose proof would end later is not tried: where calls are that slow, more rows gain nothing.

    Returns:
        2, and every bucket up to the first that differs.
    """
    started = time.monotonic()
    proof = _Proof(unet, shape, min(most_rows, BUCKETS[-1]))
    proven = [PAIR]
    proof.pairs(0, PAIR)
    for bucket in BUCKETS[1:]:
        projected = time.monotonic() - started + 2 * proof.rows / PAIR * proof.pair_s
        if bucket > proof.rows or projected > limit_s:
            break
        try:
            holds = proof.holds(bucket)
        except torch.OutOfMemoryError:
            break
        if not holds:
            _log.info("calls of %d rows differ from calls of two", bucket)
            break
        proven.append(bucket)
    return tuple(proven)


class _Proof:
    """Random rows, and what calls of two make of them."""

    def __init__(self, unet: Any, shape: RowShape, rows: int) -> None:
        generator = seeded(_PROOF_SEED)
        self.rows = rows
        self.pair_s = math.inf
        self._unet = unet
        where = {"device": unet.device, "dtype": unet.dtype}
        self._samples = torch.randn(rows, shape.channels, shape.height, shape.width, generator=generator).to(**where)
        self._conditioning = _random_conditioning(rows, shape, generator, **where)
        pairs = torch.randint(_MAX_TIMESTEP, (rows // PAIR,), generator=generator)
        self._times = pairs.repeat_interleave(PAIR).to(unet.device, torch.float32)
        self._expected: list[Tensor] = []

    def holds(self, bucket: int) -> bool:
        """Say whether all rows come out of calls of this size as they come out of calls of two."""
        return all(
            torch.equal(self.call(first, bucket), self.pairs(first, bucket))
            for first in range(0, self.rows - bucket + 1, bucket)
        )

    def pairs(self, first: int, count: int) -> Tensor:
        """Return what calls of two make of some rows, on the CPU."""
        for start in range(PAIR * len(self._expected), first + count, PAIR):
            started = time.monotonic()
            self._expected.append(self.call(start, PAIR))
            self.pair_s = min(self.pair_s, time.monotonic() - started)
        return torch.cat(self._expected[first // PAIR : (first + count) // PAIR])

    def call(self, first: int, count: int) -> Tensor:
        """Return what one call makes of some rows, on the CPU."""
        rows = slice(first, first + count)
        return self._unet(  # type: ignore[no-any-return]
            self._samples[rows], self._times[rows], **self._conditioning[rows].arguments(), return_dict=False
        )[0].cpu()


def _random_conditioning(rows: int, shape: RowShape, generator: torch.Generator, **where: Any) -> Conditioning:
    context = torch.randn(rows, shape.tokens, shape.features, generator=generator).to(**where)
    if not shape.pooled:
        return Conditioning(context)
    text_embeds = torch.randn(rows, shape.pooled, generator=generator).to(**where)
    time_ids = torch.randint(_MAX_PIXELS, (rows, shape.time_ids), generator=generator).to(**where)
    return Conditioning(context, Added(text_embeds, time_ids))
