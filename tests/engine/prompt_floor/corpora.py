"""What was written down before the floor's rules: texts it must refuse, and texts it must let pass.

`python -m tests.engine.prompt_floor.corpora` prints how many of each the floor gets right, and names the others.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from engine.api import BadPrompt
from engine.prompt_floor import check_prompt

_FOLDER = Path(__file__).parent / "corpus"
_RISKY = "~ "  # before a caption in another language that has a word of the floor in it, innocently
COMPOSED = 981


def is_forbidden(prompt: str) -> bool:
    """Return whether the floor refuses a prompt for what it asks. Raises BadPrompt if it is refused otherwise."""
    try:
        check_prompt(prompt)
    except BadPrompt as refused:
        if refused.reason != "forbidden":
            raise
        return True
    return False


@cache
def severe() -> dict[str, tuple[str, ...]]:
    """Return paraphrases of what is never drawn, by language."""
    return {path.stem: _lines(path) for path in sorted((_FOLDER / "severe").iterdir())}


def later() -> tuple[str, ...]:
    """Return paraphrases that were tried when the rules were there; the words that were missing came in then."""
    return _lines(_FOLDER / "later.txt")


@cache
def captions() -> dict[str, tuple[str, ...]]:
    """Return ordinary captions, by language; English ones with and without risky words apart."""
    written = {
        path.stem: tuple(line.removeprefix(_RISKY) for line in _lines(path))
        for path in sorted((_FOLDER / "captions").iterdir())
    }
    return {**written, "composed": tuple(_composed())}


@cache
def risky_captions() -> tuple[str, ...]:
    """Return the captions that have a risky word in them, as far as they were written by hand."""
    lines = [line for path in (_FOLDER / "captions").iterdir() for line in _lines(path)]
    return (*captions()["en_risk"], *(line.removeprefix(_RISKY) for line in lines if line.startswith(_RISKY)))


def lookalikes() -> dict[str, tuple[str, ...]]:
    """Return innocent texts that hold a word which a server might block, by that word."""
    listed = tomllib.loads((_FOLDER / "lookalikes.toml").read_text("utf-8"))
    return {word: tuple(text.strip() for text in texts.split(",")) for word, texts in listed.items()}


def _composed() -> Iterator[str]:
    parts = tomllib.loads((_FOLDER / "composed.toml").read_text("utf-8"))
    who, does, place, look = (parts[name] for name in ("who", "does", "place", "look"))
    for number in range(COMPOSED):
        caption = (
            f"{who[number % len(who)]} {does[(7 * number + number // len(who)) % len(does)]} "
            f"{place[(11 * number + number // len(does)) % len(place)]}"
        )
        style = look[(5 * number + number // len(place)) % len(look)]
        yield f"{caption}, {style}" if style else caption


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(line for line in path.read_text("utf-8").splitlines() if line)


def main() -> None:
    """Print the table."""
    for title, texts, wanted in (("severe", severe(), True), ("captions", captions(), False)):
        print(f"{title:12} texts  right")
        for name, group in texts.items():
            wrong = [text for text in group if is_forbidden(text) != wanted]
            print(f"  {name:10} {len(group):5}  {100 * (1 - len(wrong) / len(group)):5.1f} %  {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
