"""A contender's worker: loads every model first, then serves as its name says, counting its UNet calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from engine.catalog import Catalog
from engine.wire import FromWorker, JobFinished, Ready
from engine.worker.bench.contenders import Contender
from engine.worker.bench.stock import StockServer
from engine.worker.bench.tally import Counts, Tally
from engine.worker.channel import Inbox
from engine.worker.device import Device
from engine.worker.loop import draw_until_stopped
from engine.worker.residency import Models
from engine.worker.safety import load_floor


def serve(
    contender: Contender,
    name: str,
    device: Device,
    catalog: Catalog,
    inbox: Inbox,
    send: Callable[[FromWorker], None],
    tally: Tally,
) -> None:
    """Serve until told to stop.

    Args:
        contender: in which way.
        name: of this worker.
        device: what it draws on; its class of service is the contender's.
        catalog: the models; all are loaded before the worker is ready.
        inbox: the parent's messages.
        send: gives the parent a message.
        tally: takes the counts.
    """
    models = Models(catalog, device, load_floor())
    counter = Counter(tally, wait_for_device=not contender.is_easel and device.where.type == "cuda")
    for info in catalog.infos():
        counter.watch(models.get(info.id).pipeline.unet)

    def send_counted(message: FromWorker) -> None:
        if isinstance(message, JobFinished):
            counter.write()
        send(message)

    send(Ready(name, device.name, device.threads, device.rows))
    if contender.is_easel:
        draw_until_stopped(name, device, models, inbox, send_counted)
    else:
        StockServer(contender, name, device, models, inbox, send_counted).run()


class Counter:
    """Counts the calls of UNets, by hooks on the loaded instances. Owned by the step thread.

    Args:
        tally: where the counts go.
        wait_for_device: whether to let a call end before its time is taken.
    """

    def __init__(self, tally: Tally, wait_for_device: bool) -> None:
        self._tally = tally
        self._wait_for_device = wait_for_device
        self._calls = self._rows = 0
        self._unet_s = self._began_s = 0.0

    def watch(self, unet: Any) -> None:
        """Count this UNet's calls too."""
        unet.register_forward_pre_hook(self._before)
        unet.register_forward_hook(self._after)

    def write(self) -> None:
        """Bring the tally up to date."""
        self._tally.write(Counts(self._calls, self._rows, self._unet_s, time.process_time()))

    def _before(self, unet: Any, arguments: Any) -> None:
        self._wait()
        self._began_s = time.perf_counter()

    def _after(self, unet: Any, arguments: Any, output: Any) -> None:
        self._wait()
        self._unet_s += time.perf_counter() - self._began_s
        self._calls += 1
        self._rows += len(arguments[0])
        self.write()

    def _wait(self) -> None:
        if self._wait_for_device:
            torch.cuda.synchronize()
