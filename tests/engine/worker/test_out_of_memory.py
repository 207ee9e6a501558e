"""Memory that runs out on a CPU, where no library raises torch.OutOfMemoryError. The limits are the kernel's."""

from __future__ import annotations

import asyncio
import resource
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from engine.api import Event, Failed, Finished, GenerationRequest, ImageSeed, OutOfMemory, Recipe, Verdict
from engine.catalog import load_catalog
from engine.executors.process import ProcessExecutor
from engine.service import EngineService, open_engine
from engine.settings import EngineSettings, WorkerSpec
from engine.worker.runtime.faults import ran_out
from engine.worker.safety import Finding, TimedDetector

GUARD_S = 600.0
SETTINGS = EngineSettings()
INFO = load_catalog(SETTINGS.models_file, SETTINGS.models_dir).infos()[0]
SMALL = Recipe(INFO.id, INFO.revision, "a red apple", "", 64, 64, 2, 4.5, "Euler", (ImageSeed(7),))
LARGE = replace(SMALL, width=256, height=256, images=(ImageSeed(7), ImageSeed(8)))
LITTLE = 2**21


def size_of(pid: int) -> int:
    """Return the bytes of a process's address space."""
    pages = (Path("/proc") / str(pid) / "statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


@contextmanager
def little_memory(bytes_left: int = LITTLE) -> Iterator[None]:
    """Let this process have hardly more address space than it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size_of(threading.get_native_id()) + bytes_left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


async def drawn(engine: EngineService, recipe: Recipe, job_id: str) -> Event:
    job = engine.submit(GenerationRequest(recipe, job_id, 1, 0.0, "ann"))
    async with asyncio.timeout(GUARD_S):
        return [event async for event in job][-1]


async def test_a_job_without_memory_ends_as_that_its_owner_hears_of_it_and_the_worker_draws_on() -> None:
    worker = ProcessExecutor(WorkerSpec("cpu-0", "cpu", 1), SETTINGS.models_file, SETTINGS.models_dir)
    async with open_engine(SETTINGS, executors=[worker]) as engine:
        assert isinstance(await drawn(engine, SMALL, "first"), Finished)
        pid = worker.pid
        assert pid is not None
        bytes_left = size_of(pid) + LITTLE
        resource.prlimit(pid, resource.RLIMIT_AS, (bytes_left, bytes_left))

        large = await drawn(engine, LARGE, "large")
        assert isinstance(large, Failed)
        assert isinstance(large.error, OutOfMemory)
        (trouble,) = engine.status().troubles
        assert trouble.about == "out_of_memory of pocket"
        assert "256x256, pictures: 2" in trouble.sentence

        for number in range(2):
            small = await drawn(engine, SMALL, f"small-{number}")
            assert isinstance(small, Finished)
            assert [image.verdict for image in small.images] == [Verdict.ALLOW]
        assert engine.status().troubles == (trouble,)  # what is smaller says nothing of what was too large
        assert worker.pid == pid


def test_what_libraries_raise_without_memory_is_known_as_that() -> None:
    with little_memory(), pytest.raises(RuntimeError) as from_torch:
        torch.empty(2**30)
    with little_memory(), pytest.raises(MemoryError) as from_pillow:
        Image.new("RGB", (2**14, 2**14))
    with little_memory(), pytest.raises(RuntimeError) as from_threading:
        start_thread()
    caused = ValueError("it could not be loaded")
    caused.__cause__ = from_torch.value
    assert all(ran_out(error) for error in (from_torch.value, from_pillow.value, from_threading.value, caused))
    assert not ran_out(RuntimeError("shapes do not match"))


def start_thread() -> None:
    """Start a thread that needs more memory than a kept stack has."""
    before = threading.stack_size(2**29)
    try:
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)


class Kind:
    name = "kind"

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        return Finding(False)


def test_a_detector_whose_thread_found_no_memory_answers_when_there_is_some_again() -> None:
    timed = TimedDetector(Kind())
    before = threading.stack_size(2**29)
    try:
        with little_memory(), pytest.raises(RuntimeError, match="can't start new thread"):
            timed.look([])
    finally:
        threading.stack_size(before)
    assert timed.look([]) == Finding(False)
