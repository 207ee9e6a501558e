"""The words that a server blocks: how they are written down, and how they are found in prompts.

`engine.api.folding` says which disguises are undone. A phrase is found where its words stand whole and follow one
another, with anything or nothing between them; with forms, simple plurals of its last word count, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.api.folding import STAR, fold, with_forms
from engine.api.vocabulary import Vocabulary

_GUILDS_REMEMBERED = 128
_LISTED = re.compile(r'\s*(?:"([^"]*)"|“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|([^,]*))\s*(?:,|$)')
# What may stand around a phrase's last letters and make another word of it; the first that does is the example.
_OTHER_WORDS = ("{}ish", "un{}", "{}land")


@dataclass(frozen=True, slots=True)
class BlockedPhrase:
    """A phrase that no prompt of a server may hold.

    Args:
        text: as it was typed.
        forms: whether plurals of it are blocked, too.
    """

    text: str
    forms: bool = True


@dataclass(frozen=True, slots=True)
class Examples:
    """What a phrase stops besides itself, and what it does not though it looks like it; empty if there is no such."""

    stopped: str
    let_through: str


def read_phrases(typed: str) -> tuple[str, ...]:
    """Return the phrases of a list with commas between them; quotes keep one with commas in it whole."""
    found = ("".join(filter(None, match.groups())) for match in _LISTED.finditer(typed))
    phrases = (" ".join(phrase.strip('"“”„«»').split()) for phrase in found)
    return tuple(dict.fromkeys(phrase for phrase in phrases if phrase))


def has_words(phrase: str) -> bool:
    """Return whether there is anything in a phrase to look for."""
    return bool(fold(phrase)[0].words)


def find_same(phrases: Iterable[BlockedPhrase], phrase: str) -> BlockedPhrase | None:
    """Return the first of the phrases that is the same as another one, however the two are written."""
    wanted = fold(phrase)[0].words
    return next((each for each in phrases if fold(each.text)[0].words == wanted), None)


def find_phrase(phrases: Sequence[BlockedPhrase], texts: Iterable[str]) -> str | None:
    """Return a phrase that one of the texts holds, or None. Takes time in proportion to the length of each.

    Args:
        phrases: what is looked for, plain words.
        texts: prompts, with any syntax, and other words that decide what is drawn.
    """
    if not phrases:
        return None
    vocabularies = _vocabularies(tuple(phrases))
    readings = (reading for text in texts for reading in fold(text))
    return next(
        (hit.value for reading in readings for vocabulary in vocabularies for hit in vocabulary.find(reading)), None
    )


def examples_of(phrase: BlockedPhrase) -> Examples:
    """Return what to tell a moderator about a phrase; tried, so that it is true."""
    before, _, last = phrase.text.rpartition(" ")
    plurals = [f"{before} {form}".strip() for form in with_forms(last.lower()) if form != last.lower()]
    dotted = f"{before} {'.'.join(last)}".strip()
    stopped = next((text for text in [*plurals[:1], dotted, phrase.text.upper()] if _stops(phrase, text)), "")
    others = [*plurals[:1], *(f"{before} {other.format(last)}".strip() for other in _OTHER_WORDS)]
    return Examples(stopped, next((other for other in others if not _stops(phrase, other)), ""))


def _stops(phrase: BlockedPhrase, text: str) -> bool:
    return text != phrase.text and find_phrase([phrase], [text]) is not None


@lru_cache(maxsize=_GUILDS_REMEMBERED)
def _vocabularies(phrases: tuple[BlockedPhrase, ...]) -> tuple[Vocabulary[str], ...]:
    parts = [(forms, [each for each in phrases if each.forms is forms]) for forms in (True, False)]
    return tuple(
        Vocabulary(((each.text.strip(f"{STAR} "), each.text) for each in part), forms=forms)
        for forms, part in parts
        if part
    )
