from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.api import (
    BadPrompt,
    EngineClient,
    EngineError,
    EngineStopped,
    Finished,
    GenerationRequest,
    ImageSeed,
    InvalidSize,
    Inversion,
    Job,
    LoraUse,
    ModelUnavailable,
    NotHereYet,
    OutOfRange,
    Recipe,
    SafetyUnavailable,
    UnknownModel,
    UnknownScheduler,
)
from engine.catalog import CatalogError, load_catalog
from engine.executors.fake import FakeExecutor, FakePlan, StartOutcome
from engine.hub import ADDON, pull, sources_of
from engine.hub.inventory import EVERY_S
from engine.service import open_engine
from engine.settings import EngineSettings
from tests.engine.stand_in import Hub, put_checker
from tests.opened import files_opened
from tests.turns import Turns

GUARD_S = 600.0
SETTINGS = EngineSettings()
INFO = load_catalog(SETTINGS.models_file, SETTINGS.models_dir).infos()[0]
RECIPE = Recipe(INFO.id, INFO.revision, "a red apple", "", 128, 128, 4, 4.5, "Euler", (ImageSeed(7),))
caller: ContextVar[str] = ContextVar("caller", default="the engine's own")


def request(recipe: Recipe = RECIPE, job_id: str = "job") -> GenerationRequest:
    return GenerationRequest(recipe, job_id, 1, 0.0, "ann")


async def read(job: Job) -> list[Any]:
    async with asyncio.timeout(GUARD_S):
        return [event async for event in job]


@pytest.fixture
async def fake() -> FakeExecutor:
    return FakeExecutor()


@pytest.fixture
async def engine(fake: FakeExecutor) -> AsyncIterator[EngineClient]:
    async with open_engine(SETTINGS, executors=[fake]) as opened:
        yield opened


async def test_the_catalogue_is_offered_default_first(engine: EngineClient) -> None:
    assert [info.id for info in engine.models()] == ["pocket"]


async def test_a_right_recipe_is_drawn(engine: EngineClient) -> None:
    engine.check(RECIPE)
    assert isinstance((await read(engine.submit(request())))[-1], Finished)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"model": "nope"}, UnknownModel),
        ({"model_revision": "another"}, ModelUnavailable),
        ({"width": 100}, InvalidSize),
        ({"steps": 61}, OutOfRange),
        ({"guidance_scale": 99}, OutOfRange),
        ({"scheduler": "Fast"}, UnknownScheduler),
        ({"prompt": " "}, BadPrompt),
        ({"prompt": "x" * 6001}, BadPrompt),
        ({"prompt": "p0rn"}, BadPrompt),
        ({"negative_prompt": "x" * 6001}, BadPrompt),
        ({"prompt": "a child on a beach", "negative_prompt": "clothes"}, BadPrompt),
    ],
)
async def test_a_wrong_recipe_is_refused_and_nothing_is_queued(
    engine: EngineClient, fake: FakeExecutor, change: dict[str, Any], error: type[EngineError]
) -> None:
    with pytest.raises(error):
        engine.check(replace(RECIPE, **change))
    with pytest.raises(error):
        engine.submit(request(replace(RECIPE, **change)))
    status = engine.status()
    assert (status.queued, status.running) == (0, 0)
    assert not fake.requests


async def test_a_negative_prompt_may_be_empty_and_name_anything(engine: EngineClient) -> None:
    engine.check(replace(RECIPE, negative_prompt="nsfw, porn"))


async def test_checking_queues_nothing(engine: EngineClient) -> None:
    engine.check(RECIPE)
    assert engine.status().queued == 0


async def test_while_no_worker_is_fit_every_recipe_is_refused() -> None:
    async with open_engine(SETTINGS, executors=[FakeExecutor(starts=[StartOutcome.UNFIT])]) as engine:
        await read(engine.submit(request()))
        with pytest.raises(SafetyUnavailable):
            engine.check(RECIPE)


async def test_a_model_that_could_not_be_loaded_is_refused_with_the_reason(
    engine: EngineClient, fake: FakeExecutor
) -> None:
    fake.plan = lambda request: FakePlan(fail=ModelUnavailable(INFO.id, "a tensor is missing"))
    await read(engine.submit(request()))
    with pytest.raises(ModelUnavailable, match="a tensor is missing"):
        engine.check(RECIPE)


async def test_a_closed_engine_refuses() -> None:
    async with open_engine(SETTINGS, executors=[FakeExecutor()]) as engine:
        pass
    with pytest.raises(EngineStopped):
        engine.check(RECIPE)
    with pytest.raises(EngineStopped):
        engine.submit(request())


async def test_submit_makes_no_task_and_the_work_is_done_in_the_engines_own_context() -> None:
    seen: list[str] = []

    def plan(request: GenerationRequest) -> FakePlan:
        seen.append(caller.get())
        return FakePlan()

    async with open_engine(SETTINGS, executors=[FakeExecutor(plan=plan)]) as engine:

        async def member() -> None:
            caller.set("a member's")
            before = asyncio.all_tasks()
            job = engine.submit(request())
            assert asyncio.all_tasks() == before
            await read(job)

        await asyncio.create_task(member())
    assert seen == ["the engine's own"]


async def test_a_missing_models_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    settings = EngineSettings(models_file=tmp_path / "models.toml")
    with pytest.raises(CatalogError, match=r"models\.toml: cannot be read"):
        async with open_engine(settings, executors=[FakeExecutor()]):
            pass


ELSEWHERE = """
[far]
title = "Far"
family = "sd1"
licence = "none"
description = "is on the hub"
source = { hub = "owner/far" }
"""


@pytest.fixture
def with_far(tmp_path: Path) -> EngineSettings:
    """Settings whose catalogue has a model more, whose files are not here."""
    file = tmp_path / "models.toml"
    text = SETTINGS.models_file.read_text()
    file.write_text(text[: text.index("[sd15]")] + ELSEWHERE)
    return EngineSettings(models_file=file, models_dir=tmp_path / "models")


async def test_a_model_that_is_not_here_is_not_offered_and_says_how_to_bring_it(with_far: EngineSettings) -> None:
    far = replace(RECIPE, model="far", model_revision="main", width=512, height=512)
    async with open_engine(with_far, executors=[FakeExecutor()]) as engine:
        assert [info.id for info in engine.models()] == ["pocket"]
        with pytest.raises(ModelUnavailable, match="easel models pull far brings them"):
            engine.check(far)


async def test_a_model_that_its_owner_pulls_or_removes_while_the_engine_runs_comes_and_goes_by_itself(
    with_far: EngineSettings, hub: Hub, family_folder: Callable[..., Path]
) -> None:
    hub.put("owner/far", family_folder("sd1"))
    put_checker(hub)
    far = load_catalog(with_far.models_file, with_far.models_dir).entries[1]
    recipe = replace(RECIPE, model="far", model_revision="main", width=512, height=512)
    turns = Turns()
    async with asyncio.timeout(GUARD_S), open_engine(with_far, executors=[FakeExecutor()], sleep=turns) as engine:
        await asyncio.to_thread(pull, sources_of(far))
        await turns.next()
        assert [info.id for info in engine.models()] == ["pocket", "far"]
        engine.check(recipe)

        (far.source.folder / "unet" / "config.json").unlink()
        await turns.next()
        assert [info.id for info in engine.models()] == ["pocket"]
        with pytest.raises(ModelUnavailable, match="not here yet"):
            engine.check(recipe)
    assert set(turns.slept) == {EVERY_S}


async def test_no_file_is_read_where_the_engine_is_asked(
    with_far: EngineSettings, hub: Hub, family_folder: Callable[..., Path]
) -> None:
    hub.put("owner/far", family_folder("sd1"))
    put_checker(hub)
    far = load_catalog(with_far.models_file, with_far.models_dir).entries[1]
    await asyncio.to_thread(pull, sources_of(far))
    turns = Turns()
    async with asyncio.timeout(GUARD_S), open_engine(with_far, executors=[FakeExecutor()], sleep=turns) as engine:
        await read(engine.submit(request()))  # so that everything is imported
        with files_opened() as opened:
            assert [info.id for info in engine.models()] == ["pocket", "far"]
            engine.check(replace(RECIPE, model="far", model_revision="main", width=512, height=512))
            await read(engine.submit(request(job_id="other")))
            await turns.next()
        assert opened == []


INK = """
[loras.ink]
family = "sd1"
licence = "none"
source = { hub = "owner/addons", file = "ink.safetensors" }

[inversions.toy]
family = "sd1"
licence = "none"
source = { hub = "owner/addons", file = "toy.safetensors" }
"""


async def test_what_was_not_pulled_yet_is_not_offered_and_is_as_soon_as_it_is(
    with_far: EngineSettings, hub: Hub
) -> None:
    with with_far.models_file.open("a") as file:
        file.write(INK)
    hub.put("owner/addons").files.update({"ink.safetensors": b"ink", "toy.safetensors": b"toy"})
    catalog = load_catalog(with_far.models_file, with_far.models_dir)
    settings = with_far.model_copy(update={"pull_on_demand": True})
    far = replace(RECIPE, model="far", model_revision="main", width=512, height=512)
    wanted = [replace(far, loras=(LoraUse("ink", "main", 1.0),)), replace(far, inversions=(Inversion("toy", "main"),))]
    turns = Turns()
    async with asyncio.timeout(GUARD_S), open_engine(settings, catalog, [FakeExecutor()], sleep=turns) as engine:
        assert engine.models()[1].offered_loras() == ()
        for recipe in wanted:
            with pytest.raises(NotHereYet, match=r"(ink|toy)' is not here yet; easel models list says"):
                engine.check(recipe)
        await asyncio.to_thread(pull, [(addon.source, ADDON) for addon in catalog.addons])
        await turns.next()
        assert [lora.name for lora in engine.models()[1].offered_loras()] == ["ink"]
        for recipe in wanted:
            engine.check(recipe)


async def test_a_model_that_may_be_pulled_on_demand_is_offered_before_it_is_here(with_far: EngineSettings) -> None:
    far = replace(RECIPE, model="far", model_revision="main", width=512, height=512)
    settings = with_far.model_copy(update={"pull_on_demand": True})
    async with open_engine(settings, executors=[FakeExecutor()]) as engine:
        assert [info.id for info in engine.models()] == ["pocket", "far"]
        engine.check(far)
