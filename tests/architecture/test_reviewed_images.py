"""Only the gate, the wire and the picture store may make a ReviewedImage: there is no other way out for pixels."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_MAKE = ("engine/worker/safety/", "engine/wire/messages.py", "bot/storage/pictures.py")
GENERIC_MAKERS = {"replace", "convert", "__new__", "__replace__", "copy_with", "evolve"}
DEFINES = "engine/api/results.py"


def makers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and text of each call that makes a ReviewedImage, or that could without naming it openly."""
    aliases = {"ReviewedImage"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            aliases |= {name.asname for name in node.names if name.name == "ReviewedImage" and name.asname}
        if isinstance(node, ast.Assign) and _names(node.value) & aliases and not isinstance(node.value, ast.Call):
            yield node.lineno, ast.unparse(node)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        names_it = any(_names(argument) & aliases for argument in given)
        if called in aliases or (called in GENERIC_MAKERS and names_it) or (called == "partial" and names_it):
            yield node.lineno, ast.unparse(node)
        if called == "replace" and {keyword.arg for keyword in node.keywords} & {"data", "file_sha256", "media_type"}:
            yield node.lineno, ast.unparse(node)
        if called == "Decoder" and names_it:
            yield node.lineno, ast.unparse(node)


def _names(node: ast.AST) -> set[str]:
    """Return the names in an expression, leaving out those inside calls, which are looked at by themselves."""
    if isinstance(node, ast.Call):
        return set()
    own = {node.id} if isinstance(node, ast.Name) else {node.attr} if isinstance(node, ast.Attribute) else set()
    return own.union(*(_names(child) for child in ast.iter_child_nodes(node)))


def sources() -> list[Path]:
    return [path for package in ("bot", "engine") for path in sorted((ROOT / package).rglob("*.py"))]


def test_only_the_gate_the_wire_and_the_picture_store_make_reviewed_pictures() -> None:
    found = [
        f"{name}:{line}: {text}"
        for path in sources()
        if not (name := path.relative_to(ROOT).as_posix()).startswith(MAY_MAKE) and name != DEFINES
        for line, text in makers(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "ReviewedImage(data, 'image/png', 1, 1, a, b)",
        "results.ReviewedImage(data=data)",
        "from engine.api import ReviewedImage as Picture\nPicture(data)",
        "dataclasses.replace(image, data=data, file_sha256=digest)",
        "replace(image, media_type='image/webp')",
        "msgspec.convert(values, ReviewedImage)",
        "msgspec.convert(values, type=ReviewedImage)",
        "msgspec.convert(values, tuple[ReviewedImage, ...])",
        "msgspec.msgpack.Decoder(ReviewedImage)",
        "object.__new__(ReviewedImage)",
        "functools.partial(ReviewedImage, data)",
        "Picture = ReviewedImage",
    ],
)
def test_each_known_way_to_make_one_is_noticed(code: str) -> None:
    assert list(makers(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "def show(image: ReviewedImage) -> None: ...",
        "isinstance(thing, ReviewedImage)",
        "replace(recipe, steps=3)",
        "text.replace('a', 'b')",
        "images: list[ReviewedImage] = []",
    ],
)
def test_speaking_of_them_is_allowed(code: str) -> None:
    assert not list(makers(ast.parse(code)))
