"""The table of what can be done names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "engine" / "ARCHITECTURE.md"
HEADING = "## What can be done, and what shows it\n"
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.read_text("utf-8").partition(HEADING)[2].partition("\n## ")[0].splitlines()
    if re.match(r"\| \d", line)
]
NAMED = [named for row in ROWS for named in row[3].split("<br>")]


@cache
def names_in(file: Path) -> set[str]:
    """Return the names of a file's tests."""
    tree = ast.parse(file.read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions) and node.name.startswith("test_")}


def test_every_row_is_counted_and_says_with_what_it_is_done() -> None:
    assert [row[0].strip("| ") for row in ROWS] == [str(number) for number in range(1, len(ROWS) + 1)]
    assert len(ROWS) >= 18
    assert all(len(row) == 4 and all(row) for row in ROWS)


@pytest.mark.parametrize("named", NAMED)
def test_what_is_said_to_show_it_is_a_test(named: str) -> None:
    path, _, name = named.strip("`").partition("::")
    assert name in names_in(ROOT / path)
