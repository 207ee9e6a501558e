"""The proof that the number of rows of a UNet call changes nothing, made call by call while nothing else is to be done.

An image is drawn in calls of two rows until more are proven. How much a proof computes is known beforehand and does
not depend on how fast the machine is, or how busy.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.api import LoraUse
from engine.worker.conditioning.rows import Added, Conditioning
from engine.worker.loading.kept import KeptProofs
from engine.worker.runtime.faults import ran_out
from engine.worker.sampling.buckets import BUCKETS, PAIR, AnyRows, BucketRows, Case, RowRule, RowShape
from engine.worker.sampling.loras import UNCHANGED, Changes, applied
from engine.worker.sampling.seeds import seeded

MOST_WORK = 1e12
"""Weights of a UNet times places of the latents times rows, of the largest call that is tried on a CPU.

Two cores take seconds for it. Where two rows come near to it, larger calls gain hardly a row, and whoever comes waits
for them longer.
"""
MOST_PENDING = 16
"""Proofs of one UNet that may be under way. One that is given up begins anew with the next job that needs it."""
_SEED = 0
_MAX_TIMESTEP = 1000
_MAX_PIXELS = 2048

_log = logging.getLogger(__name__)


class RowRules:
    """Which numbers of rows one loaded UNet takes, by shape and LoRAs. Owned by the thread that prepares jobs.

    Args:
        unet: the loaded UNet; in `exact` its row-dependent layers work in pairs already.
        most_rows: that a call may have.
        exact: whether the rows must come out the same whatever their number, which is then proven.
        compiled: whether the UNet is compiled for each number of rows, which is then done before the first is drawn.
        kept: what was proven of this UNet before; None to prove everything.
        most_work: of a call, as in `MOST_WORK`.
    """

    def __init__(
        self,
        unet: Any,
        most_rows: int,
        exact: bool,
        compiled: bool = False,
        kept: KeptProofs | None = None,
        most_work: float = MOST_WORK,
    ) -> None:
        self._unet = unet
        self._most_rows = most_rows
        self._exact = exact
        self._compiled = compiled
        self._kept = kept
        self._most_work = most_work
        self._rules: dict[Case, RowRule] = {}
        self._pending: dict[Case, Proof] = {}

    def get(self, shape: RowShape, loras: Sequence[LoraUse] = (), changes: Changes = UNCHANGED) -> RowRule:
        """Return the rule for a shape. In `exact` the first time it is two rows, unless more were proven before.

        Args:
            shape: of the rows.
            loras: that are applied. What is compiled does not know them, so that calls with them are not.
            changes: of the UNet's layers, as the LoRAs want.
        """
        case = Case(shape, tuple((use.name, use.revision) for use in loras))
        if case not in self._rules:
            self._rules[case] = self._find(case, changes)
        return self._rules[case]

    def prove(self) -> bool:
        """Make one call of a proof that is under way. Return whether there was one."""
        case, proof = next(iter(self._pending.items()), (None, None))
        if case is None or proof is None:
            return False
        if not proof.go_on():
            del self._pending[case]
            rows = proof.rule.buckets[-1]
            _log.info("rows of %s are proven in calls of %d", case, rows)
            if self._kept and proof.is_whole:
                self._kept.keep(case, proof.tried, rows)
        return True

    def _find(self, case: Case, changes: Changes) -> RowRule:
        if case.loras and self._compiled:
            return BucketRows((PAIR,)) if self._exact else AnyRows()
        if self._compiled:
            warm = self._warm(case)
            return self._begin(case, warm, changes) if self._exact else BucketRows(warm)
        return self._begin(case, self._affordable(case.shape), changes) if self._exact else AnyRows()

    def _begin(self, case: Case, buckets: tuple[int, ...], changes: Changes) -> BucketRows:
        """Return a rule that is to grow up to the last of the buckets, unless it is known already how far."""
        if len(buckets) == 1:
            _log.info("calls of %s have two rows: larger ones would gain nothing", case)
            return BucketRows(buckets)
        known = self._kept.find(case, buckets[-1]) if self._kept else None
        if known is not None:
            _log.info("rows of %s were proven in calls of %d before", case, known)
            return BucketRows(tuple(bucket for bucket in buckets if bucket <= known))
        proof = Proof(self._unet, case.shape, buckets, changes)
        proof.begin()
        self._pending[case] = proof
        while len(self._pending) > MOST_PENDING:
            self._give_up(next(iter(self._pending)))
        return proof.rule

    def _give_up(self, case: Case) -> None:
        del self._pending[case], self._rules[case]

    def _affordable(self, shape: RowShape) -> tuple[int, ...]:
        """Return the buckets that are worth a proof, at least the smallest."""
        row = shape.height * shape.width * sum(parameter.numel() for parameter in self._unet.parameters())
        most_rows = min(self._most_rows, self._most_work / row)
        return tuple(bucket for bucket in BUCKETS if bucket <= max(PAIR, most_rows))

    def _warm(self, case: Case) -> tuple[int, ...]:
        started = time.monotonic()
        buckets = warm_buckets(self._unet, case.shape, self._most_rows)
        _log.info("calls of %s are compiled, in %.0f s", case, time.monotonic() - started)
        return buckets


@torch.no_grad()
def warm_buckets(unet: Any, shape: RowShape, most_rows: int) -> tuple[int, ...]:
    """Call a UNet once with each bucket; give back the buckets that it had memory for, at least the smallest."""
    buckets = [bucket for bucket in BUCKETS if bucket <= most_rows]
    rows = RandomRows(unet, shape, buckets[-1])
    warm: list[int] = []
    for bucket in buckets:
        try:
            rows.call(0, bucket)
        except Exception as error:
            if not ran_out(error):
                raise
            break
        warm.append(bucket)
    return tuple(warm) or (PAIR,)


class Proof:
    """Compares calls of each bucket with calls of two, bit for bit, on random rows.

    Args:
        unet: the loaded UNet.
        shape: of the rows.
        buckets: to try, rising from 2.
        changes: of the UNet's layers, which are there for each call.
    """

    def __init__(self, unet: Any, shape: RowShape, buckets: Sequence[int], changes: Changes = UNCHANGED) -> None:
        self.rule = BucketRows((PAIR,))
        self.tried = buckets[-1]
        self.is_whole = False
        self._buckets = buckets[1:]
        self._changes = changes
        self._rows = RandomRows(unet, shape, self.tried)
        self._expected: list[Tensor] = []
        self._calls = self._compare()

    def begin(self) -> None:
        """Make the first call, of two rows; whatever it raises keeps anything from being drawn."""
        with torch.no_grad(), applied(self._changes):
            self._expect()

    def go_on(self) -> bool:
        """Make the next call, if any. Return False at the end: `rule` stays as it is, and `is_whole` says if for good.

        An end is not for good where another time there may be more memory.
        """
        try:
            with torch.no_grad(), applied(self._changes):
                next(self._calls)
        except StopIteration:
            self.is_whole = True
            return False
        except torch.AcceleratorError:
            raise  # nothing can be computed there any more
        except Exception as error:
            if ran_out(error):
                _log.info("larger calls than %d rows have no room", self.rule.buckets[-1])
                return False
            _log.exception("a call of more than %d rows failed", self.rule.buckets[-1])
            return False
        return True

    def _compare(self) -> Iterator[None]:
        """Make a call before each yield."""
        for bucket in self._buckets:
            for first in range(0, self.tried, bucket):
                while PAIR * len(self._expected) < first + bucket:
                    self._expect()
                    yield
                pairs = torch.cat(self._expected[first // PAIR : (first + bucket) // PAIR])
                if not torch.equal(self._rows.call(first, bucket), pairs):
                    _log.info("calls of %d rows differ from calls of two", bucket)
                    return
                yield
            self.rule.buckets = (*self.rule.buckets, bucket)

    def _expect(self) -> None:
        self._expected.append(self._rows.call(PAIR * len(self._expected), PAIR))


class RandomRows:
    """Random rows of a shape, and what a UNet makes of them.

    Args:
        unet: the loaded UNet.
        shape: of a row.
        count: how many, an even number.
    """

    def __init__(self, unet: Any, shape: RowShape, count: int) -> None:
        generator = seeded(_SEED)
        where = {"device": unet.device, "dtype": unet.dtype}
        self._unet = unet
        self._samples = torch.randn(count, shape.channels, shape.height, shape.width, generator=generator).to(**where)
        self._conditioning = _random_conditioning(count, shape, generator, **where)
        pairs = torch.randint(_MAX_TIMESTEP, (count // PAIR,), generator=generator)
        self._times = pairs.repeat_interleave(PAIR).to(unet.device, torch.float32)

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
