"""Find many terms at once in folded texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, combinations
from typing import Generic, NamedTuple, TypeVar

from engine.api.folding import NOTHING, SOFT, STAR, Reading, fold, with_forms

Value = TypeVar("Value")

_MAY_JOIN = SOFT + NOTHING
_HEAD = 2  # letters by which stems are looked up
_MOST_ENDING = 3  # letters that may follow a stem
_STARRED_LETTERS = range(3, 13)
_TWICE_STARRED_LETTERS = range(4, 8)


class Hit(NamedTuple, Generic[Value]):
    """A term in a reading.

    Args:
        value: what it was given as.
        start, end: places of its words, the end exclusive.
        chunk: of its first word.
    """

    value: Value
    start: int
    end: int
    chunk: int


@dataclass(frozen=True, slots=True)
class _Term(Generic[Value]):
    """A term's letters are a key; `parts` are the places in them where a space may be."""

    value: Value
    parts: frozenset[int]


class Vocabulary(Generic[Value]):
    """Terms, each with a value.

    A term is found where its words stand whole and follow one another, with anything or nothing between them. At its
    end it may have `*` for up to three letters more, or `**` for any number.

    Args:
        terms: as they are written, with their values; one may be there with several.
        forms: whether simple plurals are found, too.
    """

    def __init__(self, terms: Iterable[tuple[str, Value]], *, forms: bool = True) -> None:
        self._terms: dict[str, list[_Term[Value]]] = {}
        self._stems: dict[str, list[tuple[str, int, _Term[Value]]]] = {}
        self._starred: dict[str, list[_Term[Value]]] = {}
        self._begins: set[str] = set()  # terms and all their beginnings, those with stars too
        for written, value in terms:
            self._add(written, value, forms)

    def find(self, reading: Reading) -> Iterator[Hit[Value]]:
        """Yield the terms of a reading, in the order in which they begin."""
        begins, stems, chunks = self._begins, self._stems, reading.chunks
        for start, word in enumerate(reading.words):
            if word in begins or word[:_HEAD] in stems:
                for term, end in self._from(reading, start, word):
                    yield Hit(term.value, start, end, chunks[start])

    def _from(self, reading: Reading, start: int, letters: str) -> list[tuple[_Term[Value], int]]:
        """Return the terms that begin with a word, and where they end."""
        words, gaps, begins, stems = reading.words, reading.gaps, self._begins, self._stems
        end, last = start + 1, len(words)
        found = [(term, end) for term in self._starred[letters]] if letters in self._starred else []
        parts: list[int] = []
        while True:
            begun = letters in begins
            if begun and letters in self._terms:
                found += [(term, end) for term in self._terms[letters] if term.parts.issuperset(parts)]
            if letters[:_HEAD] in stems:
                found += [(term, end) for term in self._by_stem(letters) if term.parts.issuperset(parts)]
            if not begun or end == last:
                return found
            if gaps[end] not in _MAY_JOIN:
                parts.append(len(letters))
            letters += words[end]
            end += 1

    def _by_stem(self, letters: str) -> Iterator[_Term[Value]]:
        for stem, most, term in self._stems[letters[:_HEAD]]:
            if letters.startswith(stem) and len(letters) - len(stem) <= most:
                yield term

    def _add(self, written: str, value: Value, forms: bool) -> None:
        bare = written.rstrip(STAR)
        stars = len(written) - len(bare)
        words = fold(bare)[0].words
        if not words:
            return
        ends = list(accumulate(map(len, words)))
        letters = "".join(words)
        term = _Term(value, frozenset(ends[:-1]))
        self._begins.update(letters[:length] for length in range(1, len(letters) + 1))
        if stars:
            most = _MOST_ENDING if stars == 1 else len(letters) + 100
            self._stems.setdefault(letters[:_HEAD], []).append((letters, most, term))
        before = letters[: len(letters) - len(words[-1])]
        for form in () if stars else with_forms(words[-1]) if forms else (words[-1],):
            self._terms.setdefault(before + form, []).append(term)
            self._begins.update((before + form)[:length] for length in range(len(before) + 1, len(before + form) + 1))
        if len(words) == 1:
            for starred in _starred(letters):
                self._starred.setdefault(starred, []).append(term)
                self._begins.add(starred)


def _starred(letters: str) -> Iterator[str]:
    """Yield a word with a star, or two if it is short, in place of letters."""
    if not letters.isalpha() or len(letters) not in _STARRED_LETTERS:
        return
    for count in (1, 2) if len(letters) in _TWICE_STARRED_LETTERS else (1,):
        for places in combinations(range(len(letters)), count):
            yield "".join(STAR if place in places else letter for place, letter in enumerate(letters))
