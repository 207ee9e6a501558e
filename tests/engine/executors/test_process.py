"""The process executor against workers that misbehave; the contract suite runs it against the real one."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from engine.api import SafetyUnavailable
from engine.executors.port import WorkerGone
from engine.executors.process import ProcessExecutor
from engine.settings import WorkerSpec

SCRIPT = Path(__file__).parent / "misbehaving_worker.py"
ROOT = Path(__file__).parents[3]
GUARD_S = 600.0
MakeExecutor = Callable[[str], ProcessExecutor]


@pytest_asyncio.fixture
async def worker_that() -> AsyncIterator[MakeExecutor]:
    made: list[ProcessExecutor] = []

    def make(fault: str) -> ProcessExecutor:
        code = f"import sys, runpy; sys.path.insert(0, {str(ROOT)!r}); "
        command = (sys.executable, "-c", code + f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')", fault)
        made.append(ProcessExecutor(WorkerSpec("odd-0", "cpu", 1), Path("models.toml"), Path("models"), command))
        return made[-1]

    async with asyncio.timeout(GUARD_S):
        yield make
        for executor in made:
            await executor.stop()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_worker_that_exits_before_it_is_ready_is_gone_with_its_last_words(worker_that: MakeExecutor) -> None:
    with pytest.raises(WorkerGone, match=r"odd-0 exited with code 3: ModuleNotFoundError: no module named 'torch'"):
        await worker_that("exits").start()


async def test_an_unfit_worker_is_a_matter_of_safety(worker_that: MakeExecutor) -> None:
    with pytest.raises(SafetyUnavailable, match="the planted picture was allowed"):
        await worker_that("unfit").start()


async def test_a_worker_that_speaks_before_it_is_ready_is_not_started(worker_that: MakeExecutor) -> None:
    with pytest.raises(WorkerGone, match="JobProgress before it was ready"):
        await worker_that("speaks out of turn").start()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("babbles", "sent what is no message"),
        ("boasts", "announced a message of 4294967295 bytes"),
        ("breaks off", "exited with code 0"),
    ],
)
async def test_a_worker_whose_frames_make_no_sense_is_gone(worker_that: MakeExecutor, fault: str, reason: str) -> None:
    executor = worker_that(fault)
    await executor.start()
    with pytest.raises(WorkerGone, match=reason):
        await executor.receive()


async def test_a_program_that_is_not_there_cannot_be_started() -> None:
    executor = ProcessExecutor(WorkerSpec("odd-0", "cpu", 1), Path("models.toml"), Path("models"), ("/nowhere/python",))
    with pytest.raises(WorkerGone, match="could not be started"):
        await executor.start()


async def test_what_a_worker_logs_reaches_our_log_and_never_blocks_it(
    worker_that: MakeExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    executor = worker_that("logs a lot")
    await executor.start()
    await executor.stop()
    assert "odd-0: line 1999 ..." in caplog.text


async def test_a_worker_that_ignores_every_request_to_end_is_killed(worker_that: MakeExecutor) -> None:
    executor = worker_that("is stubborn")
    await executor.start()
    pid = executor.pid
    assert pid is not None
    await executor.stop()
    assert not is_alive(pid)
    assert executor.pid is None


async def test_a_worker_that_talks_on_does_not_keep_us_from_stopping_it(worker_that: MakeExecutor) -> None:
    executor = worker_that("talks on")
    await executor.start()
    pid = executor.pid
    assert pid is not None
    await executor.stop()
    assert not is_alive(pid)


async def test_a_start_that_is_given_up_leaves_no_process_and_a_worker_that_is_loading_is_not_asked_politely(
    worker_that: MakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = worker_that("hangs")
    starting = asyncio.create_task(executor.start())
    while executor.pid is None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    pid = executor.pid
    starting.cancel()
    monkeypatch.setattr("engine.executors.process.STOP_GRACE_S", math.inf)
    await executor.stop()
    assert not is_alive(pid)
