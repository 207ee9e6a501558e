"""The command that counts where things stand runs, and finds what is known to stand somewhere."""

from __future__ import annotations

import io

import pytest

from bot.cogs.generate import DrawCommands
from bot.views import READABLE
from tests import walls


@pytest.fixture(scope="module")
def words() -> walls.Words:
    return walls.all_words()


@pytest.fixture(scope="module")
def report(words: walls.Words) -> str:
    out = io.StringIO()
    walls.report(out, words)
    return out.getvalue()


def test_every_option_and_button_has_a_row(report: str) -> None:
    rows = [line.split()[0] for line in report.splitlines() if " files " in line and " lines " in line]

    assert {option.name for option in DrawCommands.imagine.parameters} <= set(rows)
    assert {button.__name__ for button in READABLE} <= set(rows)
    assert {"/imagine", "/admin"} <= set(rows)


def test_the_layers_are_those_of_the_contracts_and_the_largest_files_come_first(report: str) -> None:
    assert "bot: 13 layers" in report
    sizes = [int(line.split()[0]) for line in report.partition("Largest files\n")[2].splitlines()]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == walls.MOST_FILES


def test_a_name_in_documentation_does_not_count(words: walls.Words) -> None:
    (preset,) = [each for each in walls.options(words) if each.what == "preset"]

    assert "bot/cogs/generate.py" in preset.places
    assert "bot/interactions/options.py" not in preset.places
