"""No process that is started gets to know the bot's token: each is asked what /proc says of it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.bench.machine import BenchError, Machine, open_ceiling, open_contender, write_model
from engine.catalog import load_catalog
from engine.children import kill
from engine.devices import find_devices
from engine.executors.port import PullFailed, WorkerGone
from engine.executors.process import ProcessExecutor
from engine.executors.pull import ProcessPuller
from engine.hub import Inventory
from engine.settings import WorkerSpec, default_models_file
from engine.wire.contenders import TINY, Contender

ROOT = Path(__file__).parents[3]
TOKEN = "a.secret.token"
RECORD = "TEST_RECORD_OF_CHILDREN"

# Python runs this first in every child: it notes what /proc says of the child, and ends it before it does anything.
SITE = f"""
import json, os
with open(os.environ[{RECORD!r}], "a") as record:
    said = [open(f"/proc/self/{{name}}").read().split("\\0") for name in ("environ", "cmdline")]
    print(json.dumps(said), file=record)
os._exit(0)
"""


def machine(folder: Path) -> Machine:
    return Machine("cpu", 1, default_models_file(), folder / "models", folder, made=False)


async def a_worker(folder: Path) -> None:
    executor = ProcessExecutor(WorkerSpec("cpu-0", "cpu", 1), default_models_file(), folder / "models")
    with suppress(WorkerGone):
        await executor.start()
    await executor.stop()


async def a_pull(folder: Path) -> None:
    puller = ProcessPuller(
        Inventory(load_catalog(default_models_file(), folder / "models")), default_models_file(), folder / "models"
    )
    with suppress(PullFailed):
        _ = [share async for share in puller.pull("sd15")]


async def a_score(folder: Path) -> None:
    main(["models", "score"])


async def a_gate(folder: Path) -> None:
    main(["models", "gate", "pocket", str(folder)])


async def a_merge(folder: Path) -> None:
    with suppress(Exception):
        main(["models", "--models-dir", str(folder / "models"), "merge", "pocket", "pocket", "--name", "both"])


async def a_contender(folder: Path) -> None:
    with suppress(BenchError):
        async with open_contender(Contender.SEQUENTIAL, machine(folder)):
            pass


async def a_ceiling(folder: Path) -> None:
    with suppress(BenchError, BrokenPipeError, ConnectionResetError):
        async with open_ceiling(machine(folder), 0.1) as measure:
            await measure()


async def a_writer_of_random_weights(folder: Path) -> None:
    with suppress(BenchError):
        write_model(TINY, folder / "tiny", half=False)


@pytest.mark.parametrize(
    "start", [a_worker, a_pull, a_score, a_gate, a_merge, a_contender, a_ceiling, a_writer_of_random_weights]
)
async def test_no_child_has_the_token_in_its_environment_or_command_line(
    start: Callable[[Path], Awaitable[None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "record"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{ROOT}")
    monkeypatch.setenv(RECORD, str(record))
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)

    await start(tmp_path)

    children = [json.loads(line) for line in record.read_text().splitlines()]
    assert children
    for environment, command_line in children:
        assert f"{RECORD}={record}" in environment
        assert not [value for value in (*environment, *command_line) if "DISCORD_TOKEN" in value or TOKEN in value]


def test_the_tool_that_counts_cards_does_not_have_it_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat /proc/self/environ > {tmp_path / 'record'}\n")
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)

    assert find_devices({}, tmp_path) == ("cpu",)

    environment = (tmp_path / "record").read_text()
    assert "PATH=" in environment
    assert TOKEN not in environment


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("false", 1), ("cat", -9)])
async def test_a_child_is_gone_once_it_was_killed_even_if_it_had_ended_by_itself(command: str, code: int) -> None:
    child = await asyncio.create_subprocess_exec(command, stdin=asyncio.subprocess.PIPE)
    if command != "cat":
        await child.wait()

    await kill(child)
    await kill(child)

    assert child.returncode == code
