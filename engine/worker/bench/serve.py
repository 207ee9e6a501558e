"""A contender's worker: loads every model first, then serves as its name says, counting its UNet calls."""

from __future__ import annotations

from collections.abc import Callable

from engine.catalog import Catalog
from engine.wire import FromWorker, JobFinished, Ready
from engine.wire.contenders import Contender
from engine.wire.shared_counters import SharedCounters
from engine.worker.bench.counter import Counter
from engine.worker.bench.profile import draw_profiled
from engine.worker.bench.stock import StockServer
from engine.worker.jobs import warm_up
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loop import draw_until_stopped
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.safety import ANY, identify, load_floor


def serve(
    contender: Contender,
    name: str,
    device: Device,
    catalog: Catalog,
    inbox: Inbox,
    send: Callable[[FromWorker], None],
    tally: SharedCounters,
    *,
    profile: bool = False,
    made: bool = False,
) -> None:
    """Serve until told to stop.

    Args:
        contender: in which way.
        name: of this worker.
        device: what it draws on; its class of service is the contender's.
        catalog: the models; all are loaded, and their rows proven, before the worker is ready.
        inbox: the parent's messages.
        send: gives the parent a message.
        tally: takes the counts.
        profile: whether to find out where Easel's time goes.
        made: whether the models were made for the bench. Their checkers are only there to take their time: any will do.
    """
    is_card = device.where.type == "cuda"
    counter = Counter(tally, wait_for_device=is_card and (profile or not contender.is_easel))
    models = ModelCache(catalog, device, load_floor(), (lambda source: ANY) if made else identify, warm_up=warm_up)
    loaded = [models.get(info.id) for info in catalog.infos()]
    while contender.is_easel and models.prove():
        pass  # it is not idle time that is measured, and an idle contender must not disturb the others
    for model in loaded:
        counter.watch(model.pipeline.unet)

    def send_counted(message: FromWorker) -> None:
        if isinstance(message, JobFinished):
            counter.write()
        send(message)

    send(Ready(name, device.name, device.threads, device.rows))
    if profile:
        draw_profiled(name, device, models, catalog, inbox, send_counted, counter)
    elif contender.is_easel:
        draw_until_stopped(name, device, models, inbox, send_counted)
    else:
        StockServer(contender, name, device, models, inbox, send_counted).run()
