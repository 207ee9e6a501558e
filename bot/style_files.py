"""Styles are read from `styles.toml` of Easel and of the owner. All mistakes at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from bot.domain.styles import PLACEHOLDER, Style

FILE_NAME = "styles.toml"
LONGEST_TEXT = 300

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_NEEDED = ("title", "description", "prompt")


class StylesError(Exception):
    """The styles cannot be used. `problems` holds one sentence for each mistake; `str()` all of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(["The styles cannot be used:", *(f"  - {problem}" for problem in problems)]))


def load_styles(config_dir: Path, data_dir: Path) -> tuple[Style, ...]:
    """Read the styles that come with Easel, then the owner's, which take the place of those with the same name.

    Args:
        config_dir: folder of Easel's own file, which has to be there.
        data_dir: folder of the owner's, if there is one.

    Raises:
        StylesError: something is wrong; it names everything that is.
    """
    problems: list[str] = []
    own = data_dir / FILE_NAME
    styles: dict[str, Style] = {}
    for path in (config_dir / FILE_NAME, *([own] if own.exists() else [])):
        for name, table in _read(path, problems).items():
            mistakes = list(_mistakes(name, table))
            problems += [f"{path}: [{name}]: {mistake}" for mistake in mistakes]
            if not mistakes:
                styles[name] = Style(name, **table)
    if problems:
        raise StylesError(problems)
    return tuple(styles.values())


def _read(path: Path, problems: list[str]) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        problems.append(f"{path} cannot be read ({error.strerror}).")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path} is not valid TOML: {error}.")
    return {}


def _mistakes(name: str, table: Any) -> Iterator[str]:
    """Yield what is wrong with one table, a sentence each."""
    if not _NAME.fullmatch(name):
        yield "a style's name is lower-case letters, digits and '-'."
    if not isinstance(table, dict):
        yield "must be a table."
        return
    known = [field.name for field in fields(Style) if field.name != "name"]
    for key, value in table.items():
        if key not in known:
            yield f"unknown key {key!r}; known keys are {', '.join(known)}."
        elif not isinstance(value, str):
            yield f"{key} must be a text in quotes."
        elif len(value) > LONGEST_TEXT:
            yield f"{key} may have {LONGEST_TEXT} characters."
    for key in _NEEDED:
        if not table.get(key):
            yield f"{key} is missing."
    prompt = table.get("prompt")
    if prompt and isinstance(prompt, str) and prompt.count(PLACEHOLDER) != 1:
        yield f"prompt must hold {PLACEHOLDER} once, where the member's words go."
