"""Trigger words: added to the prompt when it lacks them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.policy import Limits
from bot.usecases.imagine import Ask, build_recipe
from engine.catalog import load_catalog


@pytest.mark.parametrize(
    ("typed", "drawn"),
    [
        ("a castle", "a castle, ghibli style"),
        ("a castle, ", "a castle, ghibli style"),
        ("a castle, Ghibli Style", "a castle, Ghibli Style"),
        ("  ", "  "),
    ],
)
def test_a_recipe_holds_the_trigger_words_of_its_model_once(typed: str, drawn: str) -> None:
    config = Path(__file__).parents[3] / "config"
    info = replace(load_catalog(config / "models.toml", config / "none").infos()[0], trigger_words=("ghibli style",))
    limits = Limits(4, 100, 4, 2048, 150)

    assert build_recipe(info, Ask(typed), lambda: 1, limits).prompt == drawn
