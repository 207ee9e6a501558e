from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interactions.answers import Interaction
from bot.interactions.errors import WrongValue
from bot.interactions.imagine_options import (
    CountOption,
    LorasOption,
    ModelOption,
    SchedulerOption,
    SeedOption,
    SizeOption,
    StyleOption,
    read_scheduler,
    read_seed,
    read_size,
)
from bot.interactions.options import CHOICE_LENGTH, MOST_CHOICES, Name, Words, offer
from engine.api import MAX_SEED, ModelInfo, OutOfRange
from engine.catalog import load_catalog


@pytest.fixture(scope="module")
def model() -> ModelInfo:
    config = Path(__file__).parents[3] / "config"
    return load_catalog(config / "models.toml", config / "none").infos()[0]


@pytest.fixture
def interaction() -> Interaction:
    """One of which nothing is asked: what is read here depends on no model and no member."""
    return cast(Interaction, None)


@pytest.mark.parametrize("text", ["128x192", "128X192", " 128 x 192 ", "128*192", "128\u00d7192", "Portrait"])
def test_a_size_is_read_from_numbers_or_a_name(model: ModelInfo, text: str) -> None:
    assert read_size(text, model) == (128, 192)


@pytest.mark.parametrize("text", ["", "x", "128", "128x", "-128x128", "128.5x128", "1e2x128", "999999x1"])
def test_a_size_that_cannot_be_read_is_answered_with_the_sizes_there_are(model: ModelInfo, text: str) -> None:
    with pytest.raises(WrongValue) as refusal:
        read_size(text, model)

    assert refusal.value.field == "size"
    assert "portrait" in refusal.value.hint


@given(st.integers(0, MAX_SEED))
def test_every_seed_of_the_contract_can_be_typed(seed: int) -> None:
    assert read_seed(str(seed)) == seed


@pytest.mark.parametrize("text", ["", "-1", str(MAX_SEED + 1), "1.0", "1e3", "0x10", "\u0661", "9" * 400, "seven"])
def test_what_is_no_seed_is_refused(text: str) -> None:
    with pytest.raises(WrongValue):
        read_seed(text)


@pytest.mark.parametrize("count", [-1, 0, 5, 9, 2**53])
async def test_a_count_outside_one_to_four_is_refused(interaction: Interaction, count: int) -> None:
    with pytest.raises(OutOfRange) as refusal:
        await CountOption("").transform(interaction, count)

    assert (refusal.value.low, refusal.value.high) == (1, 4)


async def test_spaces_around_a_text_are_not_part_of_it(interaction: Interaction) -> None:
    assert await Words("").transform(interaction, " a red apple ") == "a red apple"


@pytest.mark.parametrize(
    "kind", [ModelOption, SizeOption, SchedulerOption, SeedOption, StyleOption, LorasOption], ids=lambda it: it.__name__
)
async def test_an_option_of_nothing_but_spaces_counts_as_not_typed(interaction: Interaction, kind: type[Name]) -> None:
    assert await kind("").transform(interaction, " ") is None


def test_an_unknown_scheduler_is_passed_on_so_that_the_model_can_refuse_it(model: ModelInfo) -> None:
    assert read_scheduler("Karras", model) == "Karras"
    assert read_scheduler("euler A", model) == "Euler a"


@pytest.mark.parametrize(
    ("typed", "values"), [("", ["a", "b"]), ("RED", ["a"]), ("b", ["b"]), ("nothing", [])], ids=str
)
def test_choices_are_those_whose_name_or_value_holds_what_was_typed(typed: str, values: list[str]) -> None:
    offered = offer(typed, [("a red thing", "a"), ("something", "b")])

    assert [choice.value for choice in offered] == values


def test_choices_stay_within_what_discord_takes() -> None:
    offered: list[Any] = offer("", [("x" * 300, str(index)) for index in range(60)])

    assert len(offered) == MOST_CHOICES
    assert all(len(choice.name) <= CHOICE_LENGTH for choice in offered)
