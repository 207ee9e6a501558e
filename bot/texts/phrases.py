"""Parts of sentences, and how long what is written may be."""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts.sanitize import inert

WORD_LENGTH = 100
MESSAGE_LENGTH = 2000


def number(value: float) -> str:
    """Return a number as it was typed, without an exponent."""
    return f"{value:.12g}"


def pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def choices(names: Sequence[str], last: str = "") -> str:
    """Return names as a list in a sentence, cut to a length that fits a message."""
    separator = f" {last} " if last else ", "
    return inert(separator.join(names) or "none", 600)


def moment(at: float) -> str:
    """Return a time that Discord shows in the reader's own time zone, relative to now."""
    return f"<t:{round(at)}:R>"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


def percent(step: int, total: int) -> str:
    return f"{min(round(100 * step / total), 100) if total else 0} %"
