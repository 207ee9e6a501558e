"""Presets: what they make of a model's defaults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.presets import Preset, preset_scheduler, preset_size, preset_steps
from bot.texts import imagine as imagine_texts
from engine.api import ModelInfo, SchedulerInfo, Size
from engine.catalog import load_catalog


@pytest.fixture(scope="module")
def model() -> ModelInfo:
    config = Path(__file__).parents[3] / "config"
    info = load_catalog(config / "models.toml", config / "none").infos()[0]
    names = ("Euler", "UniPC", "DPM++ 2M SDE Karras")
    schedulers = (*(SchedulerInfo(name) for name in names), SchedulerInfo("Heun", "", 4, 20))
    return replace(info, schedulers=schedulers, scheduler="Euler", steps=25, min_steps=1, max_steps=60)


def test_every_preset_is_offered_with_its_trade_off() -> None:
    assert list(imagine_texts.PRESETS) == [preset.value for preset in Preset]


@pytest.mark.parametrize(
    ("preset", "steps", "scheduler"),
    [(Preset.DRAFT, 12, "UniPC"), (Preset.STANDARD, 25, "Euler"), (Preset.QUALITY, 40, "DPM++ 2M SDE Karras")],
)
def test_a_preset_chooses_steps_and_the_scheduler_that_suits_them(
    model: ModelInfo, preset: Preset, steps: int, scheduler: str
) -> None:
    assert preset_steps(model, preset, None, 150) == steps
    assert preset_scheduler(model, preset, steps) == scheduler


@pytest.mark.parametrize(("preset", "steps"), [(Preset.DRAFT, 3), (Preset.QUALITY, 10)])
def test_steps_that_do_not_suit_the_presets_scheduler_keep_the_models_own(
    model: ModelInfo, preset: Preset, steps: int
) -> None:
    assert preset_scheduler(model, preset, steps) == "Euler"


def test_steps_keep_to_the_members_limit_and_to_the_scheduler_asked_for(model: ModelInfo) -> None:
    assert preset_steps(model, Preset.QUALITY, None, 30) == 30
    assert preset_steps(model, Preset.QUALITY, "Heun", 150) == 20
    assert preset_steps(replace(model, steps=4), Preset.DRAFT, "Heun", 150) == 4


def test_a_draft_is_the_smallest_size_of_the_same_shape(model: ModelInfo) -> None:
    sizes = (Size("large", 768, 768), Size("square", 512, 512), Size("wide", 512, 256))
    info = replace(model, sizes=sizes)

    assert [preset_size(info, preset, 2048).name for preset in Preset] == ["square", "large", "large"]
    assert preset_size(info, Preset.QUALITY, 512).name == "square"


@pytest.mark.parametrize(
    ("preset", "limit", "picture", "name"),
    [
        (Preset.STANDARD, 2048, (300, 310), "large"),
        (Preset.STANDARD, 2048, (4000, 1900), "wide"),
        (Preset.STANDARD, 2048, (300, 4000), "tall"),
        (Preset.DRAFT, 2048, (300, 300), "square"),
        (Preset.STANDARD, 512, (300, 4000), "square"),
    ],
)
def test_a_picture_is_drawn_over_at_the_first_size_most_like_it_in_shape(
    model: ModelInfo, preset: Preset, limit: int, picture: tuple[int, int], name: str
) -> None:
    sizes = (Size("large", 768, 768), Size("square", 512, 512), Size("wide", 512, 256), Size("tall", 512, 768))
    assert preset_size(replace(model, sizes=sizes), preset, limit, picture).name == name
