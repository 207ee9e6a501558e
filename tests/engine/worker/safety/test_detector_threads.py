"""Which threads the detectors of a worker's models have, and for how long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from engine.catalog import Catalog
from engine.worker.loading.memory import Memory
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import load_parts
from engine.worker.loading.weights import count_bytes
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from tests.engine.stand_in_checker import any_checker

GUARD_S = 60.0
PLENTY = 10**12


def test_a_checker_has_one_thread_until_its_model_leaves_memory_and_the_floor_one_for_all_models(
    make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device, floor: Detector
) -> None:
    (entry,) = make_catalog(tiny_folder).entries
    catalog = Catalog(tuple(replace(entry, info=replace(entry.info, id=name)) for name in "ab"))
    room_for_one = int(1.5 * count_bytes(load_parts(entry, device, any_checker).modules()))
    fast = replace(device, service="fast")
    models = ModelCache(catalog, fast, floor, any_checker, on_device=Memory(lambda: PLENTY, 0, room_for_one))
    picture, others = Image.new("RGB", (64, 64), (90, 120, 150)), set(threading.enumerate())

    def threads(name: str) -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == name and thread not in others]

    for _ in range(3):
        models.get("a").gate.judge(picture)
    (first,) = threads("checker")
    models.get("b").gate.judge(picture)
    assert models.loaded() == (("b",), ())
    first.join(GUARD_S)
    assert not first.is_alive()
    assert len(threads("checker")) == len(threads("floor")) == 1
