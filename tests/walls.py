"""Where things stand: `python -m tests.walls` prints the layers, where each option, button and command is named, and
the largest files. Run it before and after a change that is to make any of that less; a commit that has no such file
takes a copy of this one.

A name counts where it is an identifier, a keyword or a whole text of its own; for buttons and commands also where a
text holds an id (`easel:vary:…`) or a call (`/quota`). Documentation does not count.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from discord import app_commands
from discord.ext import commands

from bot import cogs
from bot.cogs import generate
from bot.views import BUTTONS

ROOT = Path(__file__).parent.parent
PRODUCT = ("bot", "engine")
MOST_FILES = 12

Words = Mapping[str, Mapping[str, frozenset[int]]]
"""By file: the lines of each identifier and each text in it."""


@dataclass(frozen=True, slots=True)
class Named:
    """Something that members see, and where product code names it, as lines by file."""

    what: str
    places: Mapping[str, int]

    def row(self) -> str:
        """Return it as a line."""
        files = sorted(self.places, key=lambda file: (-self.places[file], file))
        shown = ", ".join(f"{file} {self.places[file]}" for file in files if file.startswith("bot/"))
        inside = sum(file.startswith("engine/") for file in files)
        return f"  {self.what:<38} {len(files):>3} files {sum(self.places.values()):>4} lines   {shown}" + (
            f", engine: {inside} files" if inside else ""
        )


def product_files() -> list[Path]:
    """Return the product's modules."""
    return sorted(path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py"))


def words_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the identifiers and texts of a module, without its documentation."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text) | ast.keyword(arg=str(text)):
                yield node.lineno, text
            case ast.ClassDef(name=text) | ast.FunctionDef(name=text) | ast.AsyncFunctionDef(name=text):
                yield node.lineno, text
            case ast.alias(name=text):
                yield node.lineno, text.rpartition(".")[2]
            case ast.Constant(value=str(text)) if "\n" not in text:
                yield node.lineno, text


def all_words() -> Words:
    """Return those of all product code."""
    words: defaultdict[str, defaultdict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for path in product_files():
        for line, word in words_of(path):
            words[path.relative_to(ROOT).as_posix()][word].add(line)
    return {file: {word: frozenset(lines) for word, lines in each.items()} for file, each in words.items()}


def named(what: str, words: Words, counts: Callable[[str, str], bool]) -> Named:
    """Return where something is named. `counts` is asked about each file and word."""
    lines = {
        file: {line for word, each in found.items() if counts(file, word) for line in each}
        for file, found in words.items()
    }
    return Named(what, {file: len(each) for file, each in lines.items() if each})


def options(words: Words) -> Iterator[Named]:
    """Yield the options of /imagine: by name, in any case, with `_` or a space."""
    classes = (each for _, each in inspect.getmembers(generate, inspect.isclass))
    (cog,) = [each for each in classes if issubclass(each, commands.Cog) and hasattr(each, "imagine")]
    for name in (parameter.name for parameter in cog.imagine.parameters):
        yield named(name, words, lambda file, word, name=name: word.lower().replace(" ", "_") == name)  # type: ignore[misc]


def buttons(words: Words) -> Iterator[Named]:
    """Yield the buttons: by class, by their action in the code about buttons, and by the ids."""
    words = {file: each for file, each in words.items() if file.startswith("bot/")}
    for button in BUTTONS:
        pattern, cls = button.__discord_ui_compiled_template__.pattern.replace("\\", ""), button.__name__
        action = re.match(r"easel:([a-z-]+)", pattern)
        if action is None:
            continue
        id_ = re.compile(rf"(?:^|[:|])(?:easel:)?{action[1]}(?:$|[:|])")

        def counts(file: str, word: str, cls: str = cls, id_: re.Pattern[str] = id_) -> bool:
            return word == cls or ("/views/" in file and id_.search(word) is not None)

        yield named(f"{cls} ({action[1]})", words, counts)


def slash_commands(words: Words) -> Iterator[Named]:
    """Yield the commands: by the class that has them, and by how they are typed."""
    words = {file: each for file, each in words.items() if file.startswith("bot/")}
    for module in pkgutil.iter_modules(cogs.__path__, f"{cogs.__name__}."):
        for _, cog in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if not issubclass(cog, commands.Cog) or cog.__module__ != module.name:
                continue
            group = f"{cog.__cog_name__} " if issubclass(cog, commands.GroupCog) else ""
            found = (each for each in vars(cog).values() if isinstance(each, app_commands.Command))
            for name in sorted(group + each.qualified_name for each in found):
                typed = re.compile(rf"/{re.escape(name)}\b")
                yield named(
                    f"/{name}",
                    words,
                    lambda file, word, cog=cog, typed=typed: word == cog.__name__ or bool(typed.search(word)),  # type: ignore[misc]
                )


def layers() -> Iterator[str]:
    """Yield the layers of each container of the import contracts, highest first, with the rooms on each."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    for contract in (each for each in contracts if each["type"] == "layers" and "containers" in each):
        (container,) = contract["containers"]
        folder = ROOT / container.replace(".", "/")
        yield f"{container}: {len(contract['layers'])} layers"
        for number, layer in enumerate(contract["layers"], 1):
            yield f"  {number:>2}  " + " | ".join(room(folder / name) for name in layer.split(" | "))


def room(place: Path) -> str:
    """Return a package or module with its size."""
    files = list(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    lines = sum(length(file) for file in files)
    return f"{place.name} ({len(files)} files, {lines})" if place.is_dir() else f"{place.name} ({lines})"


def length(file: Path) -> int:
    """Return how many lines a file has."""
    return len(file.read_text("utf-8").splitlines())


def report(out: TextIO, words: Words) -> None:
    """Print everything."""
    for line in layers():
        print(line, file=out)
    for title, rows in (
        ("Options of /imagine", options(words)),
        ("Buttons", buttons(words)),
        ("Slash commands", slash_commands(words)),
    ):
        print(f"\n{title}, named in", file=out)
        for each in rows:
            print(each.row(), file=out)
    print("\nLargest files", file=out)
    for file in sorted(product_files(), key=length, reverse=True)[:MOST_FILES]:
        print(f"  {length(file):>4}  {file.relative_to(ROOT).as_posix()}", file=out)


if __name__ == "__main__":
    report(sys.stdout, all_words())
