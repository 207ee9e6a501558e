"""Where Easel's time goes: timers around what the loop is given, and around what it calls of diffusers and Pillow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar, cast

import diffusers
from PIL import Image

from engine.catalog import SCHEDULERS, Catalog
from engine.wire import FromWorker, ToWorker
from engine.worker.bench.counter import Counter
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loop import Loop
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.runtime.messages import ThreadAnswer, Unexpected
from engine.worker.runtime.service_thread import ServiceQueue, open_service_thread

Result = TypeVar("Result")


def draw_profiled(
    name: str,
    device: Device,
    models: ModelCache,
    catalog: Catalog,
    inbox: Inbox,
    send: Callable[[FromWorker], None],
    counter: Counter,
) -> None:
    """Do as `loop.draw_until_stopped`, with timers; all of this process is timed from now on.

    Args:
        name, device, models, inbox, send: the loop's.
        catalog: the models, all of them loaded.
        counter: takes the times.
    """
    for info in catalog.infos():
        counter.time_module("decode_s", models.get(info.id).pipeline.vae.decoder)
    for class_name in {spec.class_name for spec in SCHEDULERS.values()}:
        scheduler = getattr(diffusers, class_name)
        scheduler.step = _timed(scheduler.step, "scheduler_s", counter)
    Image.Image.save = _timed(Image.Image.save, "png_s", counter)  # type: ignore[method-assign]
    open_thread = partial(open_service_thread, inbox=inbox, threads=device.threads)
    with (
        open_thread("prepares") as prepare_thread,
        open_thread("fetches") as fetch_thread,
        open_thread("reviews") as review_thread,
        open_thread("enlarges") as last,
    ):
        Loop(
            name,
            device,
            models,
            cast(Inbox, _TimedInbox(inbox, counter)),
            _timed(send, "messages_s", counter),
            _TimedThread(prepare_thread, "prepare_s", counter),
            fetch_thread,
            _TimedThread(review_thread, "review_s", counter),
            last,
        ).run()


def _timed(work: Callable[..., Result], part: str, counter: Counter) -> Callable[..., Result]:
    @wraps(work)
    def do(*arguments: Any, **options: Any) -> Result:
        with counter.timed(part):
            return work(*arguments, **options)

    return do


class _TimedInbox:
    """The step thread's end of its inbox."""

    def __init__(self, inbox: Inbox, counter: Counter) -> None:
        self.empty, self.put, self.hand_draws_to = inbox.empty, inbox.put, inbox.hand_draws_to
        self._inbox = inbox
        self._counter = counter

    def get(self) -> ToWorker | ThreadAnswer | None:
        with self._counter.timed("idle_s"):
            return self._inbox.get()


class _TimedThread:
    """The step thread's end of a service thread."""

    def __init__(self, thread: ServiceQueue, part: str, counter: Counter) -> None:
        self._thread = thread
        self._part = part
        self._counter = counter

    @property
    def waiting(self) -> int:
        return self._thread.waiting

    def submit(self, work: Callable[[], Any], failed: Callable[[Exception], Any] = Unexpected) -> None:
        self._thread.submit(_timed(work, self._part, self._counter), failed)
