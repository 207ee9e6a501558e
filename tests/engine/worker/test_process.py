"""The worker as a process of its own: frames, signals, exit codes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.api import ImageSeed, Recipe
from engine.settings import default_models_file
from engine.wire import (
    LENGTH,
    Draw,
    FromWorker,
    JobFailed,
    JobFinished,
    JobProgress,
    JobStarted,
    Loaded,
    Ready,
    Stop,
    decode_from_worker,
    frame,
)

GUARD_S = 600.0


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return Path(shutil.copy(default_models_file(), tmp_path))


async def start(models: Path, **environment: str) -> Process:
    options = ["--name", "cpu-0", "--device", "cpu", "--threads", "1", "--service", "exact", "--models", str(models)]
    options += ["--models-dir", str(models.parent / "models")]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "engine.worker",
        *options,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | environment,
    )


async def hear(process: Process) -> FromWorker:
    assert process.stdout is not None
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    return decode_from_worker(await process.stdout.readexactly(length))


async def test_a_worker_yields_to_the_bot_draws_ignores_an_interrupt_and_ends_on_sigterm(
    models: Path, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    drawn = replace(recipe, model="pocket")
    async with asyncio.timeout(GUARD_S):
        process = await start(models)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert await hear(process) == Ready("cpu-0", "cpu", 1, 16)
            assert os.getpriority(os.PRIO_PROCESS, process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
            process.send_signal(signal.SIGINT)
            process.stdin.write(frame(Draw(request_for(drawn, previews=False))))
            heard = [await hear(process) for _ in range(7)]
            assert [type(message) for message in heard] == [Loaded, JobStarted, *[JobProgress] * 4, JobFinished]
            process.terminate()
            assert await process.stdout.read() == b""
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()


async def test_what_a_worker_proved_in_idle_time_is_there_when_it_is_started_again(
    models: Path, recipe: Recipe, request_for: Callable[..., Any]
) -> None:
    drawn = replace(recipe, model="pocket", width=128, height=128, images=(ImageSeed(7),) * 4)
    four = Draw(request_for(drawn, previews=False))

    async def largest_call(process: Process) -> int:
        assert process.stdin is not None
        process.stdin.write(frame(four))
        while not isinstance(message := await hear(process), JobFinished):
            assert not isinstance(message, JobFailed), message
        return message.facts.bucket

    async with asyncio.timeout(GUARD_S):
        first = await start(models)
        assert await hear(first) == Ready("cpu-0", "cpu", 1, 16)
        assert await largest_call(first) == 2
        while not (models.parent / "models" / "proven-rows.json").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        proven = await largest_call(first)
        assert proven > 2
        await first.communicate(frame(Stop()))
        second = await start(models)
        assert await hear(second) == Ready("cpu-0", "cpu", 1, 16)
        assert await largest_call(second) == proven
        await second.communicate(frame(Stop()))


async def test_a_worker_ends_when_its_parent_is_gone(models: Path) -> None:
    async with asyncio.timeout(GUARD_S):
        process = await start(models)
        assert process.stdin is not None
        process.stdin.close()
        out, _ = await process.communicate()
        assert decode_from_worker(out[LENGTH.size :]) == Ready("cpu-0", "cpu", 1, 16)
        assert process.returncode == 0


async def test_a_wrong_catalogue_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    async with asyncio.timeout(GUARD_S):
        process = await start(tmp_path / "none.toml")
        out, err = await process.communicate()
        assert (process.returncode, out) == (2, b"")
        assert err.decode().strip().splitlines() == [
            f"{tmp_path / 'none.toml'}: cannot be read (No such file or directory)."
        ]


async def test_a_worker_leaves_nothing_in_the_home_folder(models: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    async with asyncio.timeout(GUARD_S):
        process = await start(models, HOME=str(home), XDG_CACHE_HOME=str(home / ".cache"))
        await hear(process)
        await process.communicate(frame(Stop()))
    assert [path for path in home.rglob("*") if path.is_file()] == []
