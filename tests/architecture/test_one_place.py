"""What used to be written down several times, with rules that differed, stands in one place."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
    for folder in ("bot", "engine")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def begins_a_picture_file(node: ast.AST) -> bool:
    """Tell whether a node is the beginning of a picture's file, or of EXIF data in one."""
    heads = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"Exif\x00")
    return isinstance(node, ast.Constant) and isinstance(node.value, bytes) and node.value.startswith(heads)


def makes_a_recipe(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node.func) == "Recipe"


def compares_guidance(node: ast.AST) -> bool:
    """Tell whether a guidance scale is compared with a number that is written down."""
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    return any(name_of(side) == "guidance_scale" for side in sides) and any(
        isinstance(side, ast.Constant) and isinstance(side.value, int | float) for side in sides
    )


def interpolates(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node.func) in ("acos", "arccos")


def names_a_folder(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in ("EASEL_CONFIG_DIR", "EASEL_DATA_DIR")


def names_a_checked_model(node: ast.AST) -> bool:
    """Tell whether a node imports what belongs to one model."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "engine.pocket" or (
            node.module == "engine" and any(each.name == "pocket" for each in node.names)
        )
    return isinstance(node, ast.Import) and any(each.name == "engine.pocket" for each in node.names)


def found(matches: Callable[[ast.AST], bool]) -> Iterator[str]:
    for file, tree in TREES.items():
        if any(matches(node) for node in ast.walk(tree)):
            yield file


@pytest.mark.parametrize(
    ("matches", "places"),
    [
        (begins_a_picture_file, {"engine/api/containers.py", "engine/api/exif.py"}),
        (makes_a_recipe, {"engine/api/models.py"}),
        (compares_guidance, {"engine/api/requests.py"}),
        (interpolates, {"engine/worker/sampling/interpolation.py"}),
        (names_a_folder, {"engine/folders.py"}),
        (names_a_checked_model, {"engine/catalog/builtin.py"}),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_each_rule_stands_once(matches: Callable[[ast.AST], bool], places: set[str]) -> None:
    assert {file for file in found(matches) if not file.startswith("engine/pocket/")} == places
