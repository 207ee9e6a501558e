"""What is said about the words that a server's moderators blocked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, takewhile

from bot.domain.blocked_words import BlockedPhrase, examples_of
from bot.domain.policy import LONGEST_PHRASE
from bot.texts.phrases import MESSAGE_LENGTH, WORD_LENGTH
from bot.texts.refusals import wrong_value
from bot.texts.sanitize import inert

ADMIN_WORDS = "Which words are not drawn here"
ADMIN_WORDS_BLOCK = "Refuse requests whose prompt has words or phrases in it"
ADMIN_WORDS_ALLOW = "Let prompts have words or phrases in them again"
ADMIN_WORDS_LIST = "List the blocked words"
ADMIN_WORDS_TEST = "See whether a prompt has a blocked word in it; nothing is drawn"
ADMIN_WORDS_PROMPT = "What a member might type"
ADMIN_WORDS_TO_BLOCK = f"With commas between them; quotes keep a phrase whole; {LONGEST_PHRASE} characters each"
ADMIN_WORDS_MATCH = "Whether plurals count, too"
ADMIN_WORDS_BLOCKED = "Of those that are blocked, with commas between them"
WITH_FORMS, EXACT = "with plurals", "exactly so"

NONE_BLOCKED = "This server blocks no words."
SOME_BLOCKED = "This server's moderators block some words. A request with one is refused, and told which it is."

_HEADING = "Not drawn here:"
_ROOM = MESSAGE_LENGTH - 120
_BETWEEN = " · "
_EXACTLY = " (exactly so)"
_BLOCKED = "Requests with these words are refused, and pictures still in the queue with them are not posted."
_MORE = "… and the others; see /admin words list."


def refused(phrase: str) -> str:
    return f"This server does not draw “{inert(phrase, WORD_LENGTH)}”. Please use other words."


def withheld(phrase: str) -> str:
    name = inert(phrase, WORD_LENGTH)
    return f"The pictures are not posted: this server's moderators blocked “{name}” meanwhile."


def blocked(phrases: Sequence[BlockedPhrase]) -> str:
    """Confirm what is refused from now on, each with one example of what it stops and what it does not."""
    lines = [_BLOCKED, *(_blocked(phrase) for phrase in phrases)]
    room = MESSAGE_LENGTH - len(_MORE)
    shown = list(takewhile(lambda end: end <= room, accumulate(len(line) + 1 for line in lines)))
    return "\n".join([*lines[: len(shown)], _MORE] if len(shown) < len(lines) else lines)


def _blocked(phrase: BlockedPhrase) -> str:
    examples = examples_of(phrase)
    stopped = f" also stops “{inert(examples.stopped, WORD_LENGTH)}”" if examples.stopped else ""
    passed = f" lets “{inert(examples.let_through, WORD_LENGTH)}” through" if examples.let_through else ""
    what = ", and".join(filter(None, (stopped, passed)))
    return f"- “{inert(phrase.text, WORD_LENGTH)}”{what or ' is stopped'}"


def allowed(phrases: Sequence[BlockedPhrase]) -> str:
    names = ", ".join(f"“{inert(phrase.text, WORD_LENGTH)}”" for phrase in phrases)
    return f"Prompts may have {names} in them again."[:MESSAGE_LENGTH]


def tested(phrase: str | None) -> str:
    if phrase is None:
        return "This prompt has none of the words in it that this server blocks."
    return f"This prompt would be refused: it has “{inert(phrase, WORD_LENGTH)}” in it."


def not_blocked(phrase: str) -> str:
    return f"“{inert(phrase, WORD_LENGTH)}” is not blocked here. See /admin words list."


def no_words(phrase: str) -> str:
    return wrong_value("words", phrase, "Write words or phrases that are not to be drawn.")


def phrase_too_long(phrase: str, limit: int) -> str:
    return wrong_value("words", phrase, f"A phrase may have {limit} characters; please shorten it.")


def too_many(limit: int) -> str:
    return f"This server blocks {limit} phrases, which is the most. Allow one first with /admin words allow."


def listing(phrases: Sequence[BlockedPhrase]) -> str:
    """Return the phrases as one message, with a last line that counts those for which there is no room."""
    if not phrases:
        return NONE_BLOCKED
    room = _ROOM
    for shown, phrase in enumerate(phrases):
        room -= len(_name(phrase)) + len(_BETWEEN)
        if room < 0:
            return f"{_listed(phrases[:shown])}\n… and {len(phrases) - shown} more: /admin words allow finds each."
    return _listed(phrases)


def _listed(phrases: Sequence[BlockedPhrase]) -> str:
    return f"{_HEADING}\n{_BETWEEN.join(map(_name, phrases))}"


def _name(phrase: BlockedPhrase) -> str:
    return inert(phrase.text, WORD_LENGTH) + ("" if phrase.forms else _EXACTLY)
