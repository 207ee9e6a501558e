"""Counts what a worker does, from hooks and timers around its parts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import Module

from engine.wire.shared_counters import Counts, SharedCounters


class Counter:
    """Counts UNet calls, and the time inside any part that is watched.

    A part is timed by one thread alone, so that its sum needs no lock.

    Args:
        tally: where the counts go.
        wait_for_device: whether to let a part's work on a card end before its time is taken.
    """

    def __init__(self, tally: SharedCounters, wait_for_device: bool) -> None:
        self._tally = tally
        self._wait_for_device = wait_for_device
        self._calls = self._rows = 0
        self._began_s: dict[str, float] = {}
        self._spent_s: defaultdict[str, float] = defaultdict(float)

    def watch(self, unet: Module) -> None:
        """Count this UNet's calls too."""
        self.time_module("unet_s", unet)
        unet.register_forward_hook(self._count)

    def time_module(self, part: str, module: Module) -> None:
        """Count the time inside a loaded module for a part."""
        module.register_forward_pre_hook(lambda *_: self._begin(part))
        module.register_forward_hook(lambda *_: self._end(part))

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Count the time inside for a part."""
        self._begin(part)
        try:
            yield
        finally:
            self._end(part)

    def write(self) -> None:
        """Bring the tally up to date."""
        self._tally.write(Counts(self._calls, self._rows, cpu_s=time.process_time(), **self._spent_s))

    def _count(self, unet: Any, arguments: Any, output: Any) -> None:
        self._calls += 1
        self._rows += len(arguments[0])
        self.write()

    def _begin(self, part: str) -> None:
        self._wait()
        self._began_s[part] = time.perf_counter()

    def _end(self, part: str) -> None:
        self._wait()
        self._spent_s[part] += time.perf_counter() - self._began_s[part]

    def _wait(self) -> None:
        if self._wait_for_device:
            torch.cuda.synchronize()
