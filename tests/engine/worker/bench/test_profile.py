"""Where a worker's time goes: it draws as without timers, and each part has its time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import diffusers
import pytest
from PIL import Image

from engine.api import GenerationRequest, Recipe
from engine.catalog import SCHEDULERS, Catalog
from engine.wire import Draw, FromWorker, JobFinished, Stop
from engine.wire.shared_counters import SharedCounters
from engine.worker.bench.counter import Counter
from engine.worker.bench.profile import draw_profiled
from engine.worker.loading.model_cache import ModelCache
from engine.worker.runtime.channel import Inbox
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from tests.engine.stand_in_checker import any_checker


@pytest.fixture
def timers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the timers off this process's libraries afterwards."""
    monkeypatch.setattr(Image.Image, "save", Image.Image.save)
    for class_name in {spec.class_name for spec in SCHEDULERS.values()}:
        scheduler = getattr(diffusers, class_name)
        monkeypatch.setattr(scheduler, "step", scheduler.step)


@pytest.mark.usefixtures("timers_end")
def test_a_profiled_worker_draws_and_each_part_has_its_time(
    tiny_folder: Path,
    make_catalog: Callable[..., Catalog],
    device: Device,
    floor: Detector,
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
    tmp_path: Path,
) -> None:
    catalog, tally, inbox = make_catalog(tiny_folder), SharedCounters(tmp_path / "tally"), Inbox()
    models = ModelCache(catalog, device, floor, any_checker)
    counter, heard = Counter(tally, wait_for_device=False), list[FromWorker]()

    def hear(message: FromWorker) -> None:
        heard.append(message)
        if isinstance(message, JobFinished):
            counter.write()
            inbox.put(Stop())

    inbox.hear(Draw(request_for(recipe)))
    draw_profiled("cpu-0", device, models, catalog, inbox, hear, counter)
    assert isinstance(heard[-1], JobFinished)
    counts = tally.read()
    parts = (counts.prepare_s, counts.scheduler_s, counts.decode_s, counts.review_s, counts.png_s, counts.messages_s)
    assert min(parts) > 0
