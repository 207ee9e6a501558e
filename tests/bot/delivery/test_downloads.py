"""A model that is not here yet, from the hub to a member's picture: the real engine, pull and worker, in processes."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.domain.records import JobState
from bot.storage import open_store
from bot.usecases import build
from engine.executors.fake import FakeExecutor
from engine.executors.process import ProcessExecutor
from engine.pocket import WEIGHTS
from engine.service import open_engine
from engine.settings import EngineSettings
from tests.bot.conftest import LIMITS, AilingEngine, House, Parking, World, open_world
from tests.engine.stand_in import Hub, put_checker

CATALOGUE = """
[far]
title = "Far"
family = "sd1"
licence = "MIT"
description = "is on the hub"
source = { hub = "owner/far" }
sizes = [{ name = "square", width = 64, height = 64 }]
size_step = 8
min_side = 64
"""
GUARD_S = 600
LARGE = "unet/diffusion_pytorch_model-00001-of-00002.safetensors"
PERCENT = re.compile(r"The model is being downloaded, ([1-9][0-9]?) %")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on loopback with the built-in model under another name, whose largest file comes slowly."""
    with Hub(slow_after={LARGE: 2**20}) as opened:
        monkeypatch.setenv("HF_ENDPOINT", opened.address)
        opened.put("owner/far", WEIGHTS)
        put_checker(opened, WEIGHTS)
        yield opened


@pytest.fixture
async def far_world(hub: Hub, tmp_path: Path) -> AsyncIterator[World]:
    """A server whose bot has no model here, and an engine that pulls on demand."""
    (tmp_path / "models.toml").write_text(CATALOGUE)
    settings = EngineSettings(
        devices=("cpu",),
        threads=1,
        pull_on_demand=True,
        models_file=tmp_path / "models.toml",
        models_dir=tmp_path / "models",
    )
    park = Parking()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(tmp_path, LIMITS))
        command = (sys.executable, "-m", "tests.engine.stand_in_worker")
        (spec,) = settings.workers()
        worker = ProcessExecutor(spec, settings.models_file, settings.models_dir, command)
        engine = AilingEngine(await stack.enter_async_context(open_engine(settings, executors=[worker])))
        house = House(tmp_path, store, build(store, engine, park=park), FakeExecutor(), engine)
        yield await stack.enter_async_context(open_world(house, park))


async def test_a_member_who_asks_for_a_model_that_is_not_here_sees_how_far_it_is_and_gets_the_picture(
    far_world: World, hub: Hub
) -> None:
    far_world.clock.tick = 10.0  # so that no edit comes too soon after the one before

    async with asyncio.timeout(GUARD_S):
        asked = await far_world.imagine("a red apple", model="far", steps=2)
        assert asked.response is not None
        generation_id = far_world.generation_id(asked.response)
        while not PERCENT.search(far_world.posts()[-1].content):
            await far_world.change()
        hub.go_on.set()
        await far_world.bot.delivery.wait(generation_id)

    assert (await far_world.generation(asked.response)).state is JobState.DELIVERED
    assert far_world.file(far_world.posts()[-1]).startswith(b"\x89PNG")
    assert far_world.posts()[-1].id == asked.response.id
