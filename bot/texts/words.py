"""What is said about the words that a server's moderators blocked."""

from __future__ import annotations

from collections.abc import Sequence

from bot.policy import LONGEST_PHRASE
from bot.quoting import inert
from bot.texts import MESSAGE_LENGTH, WORD_LENGTH

ADMIN_WORDS = "Which words are not drawn here"
ADMIN_WORDS_BLOCK = "Refuse requests whose prompt has a word or phrase in it"
ADMIN_WORDS_ALLOW = "Let prompts have a word or phrase in them again"
ADMIN_WORDS_LIST = "List the blocked words"
ADMIN_WORDS_TO_BLOCK = f"A word or phrase, such as an artist's name, of at most {LONGEST_PHRASE} characters"
ADMIN_WORDS_BLOCKED = "One of those that are blocked"

NONE_BLOCKED = "This server blocks no words."
SOME_BLOCKED = "This server's moderators block some words. A request with one is refused, and told which it is."

_HEADING = "Not drawn here:"
_ROOM = MESSAGE_LENGTH - 120
_BETWEEN = " · "


def refused(phrase: str) -> str:
    return f"This server does not draw “{inert(phrase, WORD_LENGTH)}”. Please use other words."


def blocked(phrase: str) -> str:
    return f"New requests with “{inert(phrase, WORD_LENGTH)}” are refused. What is in the queue is still drawn."


def allowed(phrase: str) -> str:
    return f"Prompts may have “{inert(phrase, WORD_LENGTH)}” in them again."


def not_blocked(phrase: str) -> str:
    return f"“{inert(phrase, WORD_LENGTH)}” is not blocked here. See /admin words list."


def too_many(limit: int) -> str:
    return f"This server blocks {limit} phrases, which is the most. Allow one first with /admin words allow."


def listing(phrases: Sequence[str]) -> str:
    """Return the phrases as one message, with a last line that counts those for which there is no room."""
    if not phrases:
        return NONE_BLOCKED
    room = _ROOM
    for shown, phrase in enumerate(phrases):
        room -= len(inert(phrase, WORD_LENGTH)) + len(_BETWEEN)
        if room < 0:
            return f"{_listed(phrases[:shown])}\n… and {len(phrases) - shown} more: /admin words allow finds each."
    return _listed(phrases)


def _listed(phrases: Sequence[str]) -> str:
    return f"{_HEADING}\n{_BETWEEN.join(inert(phrase, WORD_LENGTH) for phrase in phrases)}"
