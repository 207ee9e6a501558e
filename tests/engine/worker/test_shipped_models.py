"""Each of the shipped models comes from the hub and draws through the whole path: pull, load, step batch, gate.

The files are random weights of each family's true architecture, scaled down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.api import GenerationRequest, Recipe, Verdict
from engine.catalog import Catalog, ModelEntry, load_catalog
from engine.hub import PIPELINE, SAFETY_CHECKER, pull
from engine.wire import Draw, JobFailed, JobFinished
from engine.worker.loading.pipelines import load_pipeline
from engine.worker.runtime.device import Device
from tests.engine.stand_in import Hub

SHIPPED = Path(__file__).parents[3] / "config" / "models.toml"
PULLED = ("sd15", "sd21", "sdxl", "openjourney", "waifu", "ghibli")
SIDE = 64


@pytest.fixture
def pulled(
    hub: Hub,
    family_folder: Callable[..., Path],
    family_file: Callable[..., Path],
    tiny_folder: Path,
    tmp_path: Path,
) -> Callable[[str], ModelEntry]:
    """Put a shipped model and its safety checker on the hub and pull them; give back its entry."""

    def do(model: str) -> ModelEntry:
        entry = load_catalog(SHIPPED, tmp_path).get(model)
        assert entry is not None
        family, source, checker = entry.info.family, entry.source, entry.safety_checker
        hub.put(str(checker.hub), tiny_folder, family_folder("sd1"))
        if source.file is not None:
            hub.put(str(source.hub)).files[source.file] = family_file(family).read_bytes()
        elif source.hub != checker.hub:
            hub.put(str(source.hub), family_folder(family))
        for each in (source, checker):
            hub.repositories[str(each.hub)].pinned = "" if each.revision == "main" else str(each.revision)
        pull([(checker, SAFETY_CHECKER), (source, PIPELINE)])
        # A single file takes its shapes from the public model's configs; those of the weights here are smaller.
        return replace(entry, source=replace(source, config=family_folder(family) if source.file else None))

    return do


def test_the_shipped_catalogue_holds_pocket_and_the_six() -> None:
    entries = load_catalog(SHIPPED, Path("/nowhere")).entries
    assert [entry.info.id for entry in entries] == ["pocket", *PULLED]
    assert all(entry.info.licence and entry.info.vram_gb for entry in entries)
    assert all(entry.info.restrictions for entry in entries[1:])
    assert {entry.info.id: entry.info.trigger_words for entry in entries if entry.info.trigger_words} == {
        "openjourney": ("mdjrny-v4 style",),
        "ghibli": ("ghibli style",),
    }


@pytest.mark.parametrize("model", PULLED)
def test_a_shipped_model_draws_through_the_whole_path(
    model: str,
    pulled: Callable[[str], ModelEntry],
    parent: Any,
    recipe: Recipe,
    request_for: Callable[..., GenerationRequest],
) -> None:
    entry = pulled(model)
    parent.catalog = Catalog((entry,))
    info = entry.info
    wanted = replace(
        recipe,
        model=model,
        model_revision=info.revision,
        negative_prompt=info.negative_prompt,
        scheduler=info.scheduler,
        guidance_scale=info.guidance_scale,
        width=SIDE,
        height=SIDE,
        steps=4,
    )
    parent.run(Draw(request_for(wanted)))
    assert parent.of(JobFailed) == []
    (finished,) = parent.of(JobFinished)
    assert [result.verdict for result in finished.images] == [Verdict.ALLOW]
    assert (finished.images[0].image.width, finished.images[0].image.height) == (SIDE, SIDE)


@pytest.mark.parametrize("model", PULLED)
def test_a_shipped_model_predicts_what_its_family_was_trained_to(
    model: str, pulled: Callable[[str], ModelEntry], device: Device
) -> None:
    pipeline = load_pipeline(pulled(model), device)
    expected = "v_prediction" if model in ("sd21", "waifu") else "epsilon"  # as the stand-in's files say
    assert pipeline.scheduler.config.prediction_type == expected
    assert hasattr(pipeline, "text_encoder_2") == (model == "sdxl")
