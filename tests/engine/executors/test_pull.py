"""A pull in a process of its own, from the stand-in of the hub."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.catalog import load_catalog
from engine.catalog.models import CHECKER
from engine.executors.port import PullFailed
from engine.executors.pull import ProcessPuller
from engine.hub import Inventory
from tests.engine.stand_in import Hub, put_checker

CATALOGUE = """
[model]
title = "Model"
family = "sd1"
licence = "open"
description = "draws"
source = { hub = "owner/model" }
"""
GUARD_S = 600


@pytest.fixture
def puller(tmp_path: Path) -> ProcessPuller:
    file = tmp_path / "models.toml"
    file.write_text(CATALOGUE)
    return ProcessPuller(Inventory(load_catalog(file, tmp_path / "models")), file, tmp_path / "models")


async def test_a_model_is_brought_here_and_said_how_far(
    hub: Hub, puller: ProcessPuller, family_folder: Callable[..., Path]
) -> None:
    hub.put("owner/model", family_folder("sd1"))
    put_checker(hub)
    assert not puller.is_here("model")
    async with asyncio.timeout(GUARD_S):
        shares = [share async for share in puller.pull("model")]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert puller.is_here("model")
    assert not puller.is_here("other")


async def test_what_cannot_be_pulled_is_said(hub: Hub, puller: ProcessPuller) -> None:
    async with asyncio.timeout(GUARD_S):
        with pytest.raises(PullFailed, match=f"^There is no repository {CHECKER['hub']} on the model hub"):
            _ = [share async for share in puller.pull("model")]


async def test_a_pull_that_is_broken_off_leaves_no_process(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(CATALOGUE)
    program = (
        "import os, time; print('{\"done\": ' + str(os.getpid()) + ', \"total\": 1}', flush=True); time.sleep(600)"
    )
    puller = ProcessPuller(Inventory(load_catalog(file, tmp_path)), file, tmp_path, (sys.executable, "-c", program))
    async with asyncio.timeout(GUARD_S):
        pull = puller.pull("model")
        pid = int(await anext(pull))
        await pull.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(CATALOGUE)
    puller = ProcessPuller(Inventory(load_catalog(file, tmp_path)), file, tmp_path, ("/nowhere/python",))
    with pytest.raises(PullFailed, match="could not be started"):
        await anext(puller.pull("model"))
