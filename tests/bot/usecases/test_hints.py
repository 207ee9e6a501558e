"""Hints: only about what is far from usual, one at most, and never about what nobody chose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.hints import Hint, Rule, hint_for
from bot.domain.policy import Limits
from bot.domain.presets import Preset
from bot.texts.hints import hint as words
from bot.usecases.imagine import Ask, build_recipe
from engine.api import InitImage, ModelInfo, Recipe
from engine.catalog import load_catalog

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio

CONFIG = Path(__file__).parents[3] / "config"
MODELS = {info.id: info for info in load_catalog(CONFIG / "models.toml", CONFIG / "none").infos()}
SD15 = MODELS["sd15"]
LIMITS = Limits(4, 100, 4, 4096, 150)
PICTURE = InitImage("0" * 64, 0.5)


def recipe(info: ModelInfo = SD15, **options: Any) -> Recipe:
    return build_recipe(info, Ask("a cat", **options), lambda: 1, LIMITS)


def rule(recipe: Recipe, most_steps: int = 150) -> Rule | None:
    hint = hint_for(recipe, MODELS.values(), most_steps)
    return hint.rule if hint else None


@pytest.mark.parametrize("preset", Preset)
@pytest.mark.parametrize("info", MODELS.values(), ids=MODELS)
def test_what_the_catalogue_offers_gets_no_hint(info: ModelInfo, preset: Preset) -> None:
    for size in info.sizes:
        assert rule(recipe(info, preset=preset, width=size.width, height=size.height)) is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"guidance_scale": 12.0}, None),
        ({"guidance_scale": 12.5}, Rule.GUIDANCE_HIGH),
        ({"guidance_scale": 2.0}, Rule.GUIDANCE_LOW),
        ({"guidance_scale": 1.5, "scheduler": "LCM", "steps": 6}, None),
        ({"steps": 7}, Rule.STEPS_LOW),
        ({"steps": 80}, Rule.STEPS_HIGH),
        ({"steps": 60}, None),
        ({"steps": 6, "scheduler": "UniPC"}, None),
        ({"steps": 30, "scheduler": "LCM", "guidance_scale": 3.0}, Rule.STEPS_HIGH),
        ({"width": 1024, "height": 1024}, Rule.LARGE),
        ({"width": 768, "height": 768}, None),
        ({"width": 256, "height": 256}, Rule.SMALL),
        ({"width": 1024, "height": 1024, "guidance_scale": 15.0, "steps": 4}, Rule.LARGE),
    ],
)
def test_values_far_from_usual_get_the_most_telling_hint_alone(options: dict[str, Any], expected: Rule | None) -> None:
    assert rule(recipe(**options)) is expected


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (PICTURE, None),
        (replace(PICTURE, strength=0.05), Rule.STRENGTH_LOW),
        (replace(PICTURE, strength=1.0), Rule.STRENGTH_HIGH),
        (replace(PICTURE, strength=1.0, mask="1" * 64), None),
        (replace(PICTURE, strength=0.05, fit="latents"), None),
    ],
)
def test_a_strength_that_ignores_the_picture_or_the_prompt_gets_a_hint(
    picture: InitImage, expected: Rule | None
) -> None:
    assert rule(replace(recipe(), init_image=picture)) is expected


def test_a_picture_to_start_from_may_be_large() -> None:
    assert rule(replace(recipe(width=1024, height=1024), init_image=PICTURE)) is None


def test_few_steps_are_not_the_members_choice_where_the_server_allows_no_more() -> None:
    assert rule(recipe(steps=4), most_steps=4) is None
    assert rule(recipe(steps=4, guidance_scale=15.0), most_steps=4) is Rule.GUIDANCE_HIGH


def test_a_model_that_is_gone_gets_no_hint() -> None:
    assert hint_for(recipe(steps=1), (), 150) is None


@pytest.mark.parametrize("each", Rule)
def test_every_rule_has_one_short_sentence_that_says_what_to_do(each: Rule) -> None:
    sentence = words(Hint(each, 512, 512, "Euler"))

    assert sentence.startswith("-# Hint: ")
    assert sentence.endswith(".")
    assert len(sentence) < 160


async def test_a_result_has_the_hint_and_what_is_made_from_it_has_not(studio: Studio) -> None:
    parent = await studio.drawn(guidance_scale=15.0)
    again = await studio.usecases.variations.reroll(studio.ann, studio.place, parent.id)
    await studio.end(again.id)

    first = await studio.usecases.deliver.prepare(parent.id)
    second = await studio.usecases.deliver.prepare(again.id)

    assert first.hint is not None
    assert first.hint.rule is Rule.GUIDANCE_HIGH
    assert second.hint is None
