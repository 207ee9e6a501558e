"""A detector that hangs in a real worker process: the process gives way to another, and only one job is blamed."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.api import (
    EngineClient,
    Event,
    Failed,
    Fault,
    Finished,
    GenerationRequest,
    ImageSeed,
    Recipe,
    Verdict,
    WorkerReplaced,
)
from engine.catalog import load_catalog
from engine.executors.process import ProcessExecutor
from engine.service import open_engine
from engine.settings import EngineSettings, WorkerSpec
from tests.engine.worker.hanging_worker import MARK

COMMAND = (sys.executable, "-m", "tests.engine.worker.hanging_worker")
SETTINGS = EngineSettings()
INFO = load_catalog(SETTINGS.models_file, SETTINGS.models_dir).infos()[0]
RECIPE = Recipe(INFO.id, INFO.revision, "a red apple", "", 64, 64, 2, 4.5, "Euler", (ImageSeed(7),))
GUARD_S = 600


def request(job_id: str, recipe: Recipe = RECIPE) -> GenerationRequest:
    return GenerationRequest(recipe, job_id, 1, 0.0, job_id, previews=False)


async def last(engine: EngineClient, asked: GenerationRequest) -> Event:
    return [event async for event in engine.submit(asked)][-1]


async def test_the_process_gives_way_to_another_that_draws_what_it_had_no_part_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(MARK, str(tmp_path / "hung"))
    caplog.set_level(logging.INFO)
    spec = WorkerSpec("cpu-0", "cpu", 1)
    executor = ProcessExecutor(spec, SETTINGS.models_file, SETTINGS.models_dir, COMMAND)
    async with asyncio.timeout(GUARD_S), open_engine(SETTINGS, executors=[executor]) as engine:
        other = asyncio.create_task(last(engine, request("other", replace(RECIPE, steps=60))))
        finished = await last(engine, request("bad"))
        assert isinstance(finished, Finished)
        assert [image.fault for image in finished.images] == [Fault.DETECTOR_HUNG]
        ended = await other
        assert isinstance(ended, Failed)
        assert isinstance(ended.error, WorkerReplaced)
        assert [trouble.about for trouble in engine.status().troubles] == [f"detector_hung of {INFO.id}"]

        again = await last(engine, request("other"))
        assert isinstance(again, Finished)
        assert [image.verdict for image in again.images] == [Verdict.ALLOW]
        assert engine.status().troubles == ()
    lines = [record.getMessage() for record in caplog.records]
    said = "ERROR the worker ends, and another is to take its place: the floor gave no answer in 0.1 s"
    assert any(line.startswith("cpu-0: ") and line.endswith(said) for line in lines)
    assert any(line.startswith("a safety detector hung, and its worker is replaced: job bad, seed 7") for line in lines)
