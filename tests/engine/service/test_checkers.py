"""The engine that is opened from settings draws with no checker but the one that belongs to the model's source."""

from __future__ import annotations

import ast
import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.api import Failed, GenerationRequest, ImageSeed, ModelUnavailable, Recipe
from engine.catalog import load_catalog
from engine.hub import pull, sources_of
from engine.service import open_engine
from engine.settings import EngineSettings
from tests.engine.stand_in import Hub, put_checker

ROOT = Path(__file__).parents[3]
GUARD_S = 300.0
CATALOGUE = """
[model]
title = "Model"
family = "sd1"
licence = "none"
description = "draws"
source = {{ folder = "{folder}" }}
"""
IDENTITIES = "engine/worker/safety/identity.py"
ADDED, MADE_FOR_THE_BENCH = "engine/worker/loading/pipelines.py", "engine/worker/bench/serve.py"
MAY_TAKE_ANY = {IDENTITIES, ADDED, MADE_FOR_THE_BENCH, "engine/worker/safety/checker.py"}


async def test_a_model_with_another_checker_than_its_own_fails_whatever_was_pulled(
    hub: Hub, family_folder: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "models.toml").write_text(CATALOGUE.format(folder=family_folder("sd1")))
    settings = EngineSettings(
        devices=("cpu",), threads=1, models_file=tmp_path / "models.toml", models_dir=tmp_path / "models"
    )
    (entry,) = load_catalog(settings.models_file, settings.models_dir).entries
    put_checker(hub)
    pull([(source, part) for source, part in sources_of(entry) if source.hub is not None])
    recipe = Recipe("model", "1", "a red apple", "", 512, 512, 4, 3.0, "DPM++ 2M", (ImageSeed(7),))
    async with asyncio.timeout(GUARD_S), open_engine(settings) as engine:
        events = [event async for event in engine.submit(GenerationRequest(recipe, "job", 1, 0.0, "tenant"))]
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, ModelUnavailable)
    assert "config.json is not the file that it should be" in events[-1].error.sentence()


def trees() -> Iterator[tuple[str, ast.AST]]:
    """Yield the code of the bot and of the engine, by file."""
    for path in sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "engine").rglob("*.py")]):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def named(node: ast.AST, name: str) -> bool:
    return (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call of a function, with its file."""
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and named(node.func, name):
                yield file, node


def test_only_the_bench_takes_any_checker_for_a_models_own() -> None:
    assert {file for file, _ in calls("Identity")} == {IDENTITIES}
    assert {file for file, tree in trees() if any(named(node, "ANY") for node in ast.walk(tree))} == MAY_TAKE_ANY
    assert {file for file, _ in calls("serve")} == {"engine/worker/bench/__main__.py"}


def test_the_worker_says_nothing_of_checkers_when_it_is_run() -> None:
    ((file, call),) = calls("run_worker")
    assert file == "engine/worker/__main__.py"
    assert [ast.unparse(argument) for argument in call.args] == [
        "options.name",
        "device",
        "catalog",
        "inbox",
        "channel.send",
    ]
    assert [keyword.arg for keyword in call.keywords] == ["proof_file"]


@pytest.mark.parametrize("option", ["--made", "--checker=x", "--identify=x"])
async def test_a_worker_refuses_options_about_its_checkers(option: str) -> None:
    arguments = ["--name", "cpu-0", "--device", "cpu", "--threads", "1", "--service", "exact", "--models", "x"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.worker", *arguments, "--models-dir", "x", option),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert f"unrecognized arguments: {option}" in said.decode()
