"""What the bot's owner is told in a direct message."""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts.phrases import MESSAGE_LENGTH
from bot.texts.sanitize import inert

SENTENCE_LENGTH = 600

ALL_WELL = "Easel draws as it should again. There is nothing left for you to do."

_TROUBLE = "Easel is in trouble:"
_NEWS = "Easel has something to tell you:"
_WHAT_NEXT = "It goes on trying by itself. The log says more; I will write again once all is well."


def trouble(sentences: Sequence[str]) -> str:
    """Return what is wrong, one thing a line, and what comes next."""
    return "\n".join([_TROUBLE, *_lines(sentences, MESSAGE_LENGTH - len(_TROUBLE) - len(_WHAT_NEXT) - 2), _WHAT_NEXT])


def news(sentences: Sequence[str]) -> str:
    """Return what has happened, one thing a line."""
    return "\n".join([_NEWS, *_lines(sentences, MESSAGE_LENGTH - len(_NEWS) - 1)])


def _lines(sentences: Sequence[str], room: int) -> list[str]:
    lines: list[str] = []
    for sentence in sentences:
        line = f"- {inert(sentence, SENTENCE_LENGTH)}"
        if len(line) + 1 > room:
            break
        lines.append(line)
        room -= len(line) + 1
    return lines
