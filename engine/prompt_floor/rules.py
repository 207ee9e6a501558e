"""Which words together are never drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.prompt_floor.marks import Kind, Mark, Marks

# Words between what is sexual and who it is about: beyond, a girl may be somebody else, and sexy something else.
YOUTH_WITHIN = 6
WEAK_WITHIN = 8


def is_severe(marks: Marks) -> bool:
    """Return whether a text shows pornography, or anyone young in a sexual way.

    A young person anywhere beside nakedness or sex; a girl or a boy near it; a young person near a weaker word.
    """
    if marks.explicit:
        return True
    if not (marks.sexual and marks.young):
        return False
    strong = _Places(mark for mark in marks.sexual if mark.word.kind is Kind.STRONG)
    dressed = _Places(mark for mark in marks.sexual if mark.word.kind is Kind.STRONG and not mark.word.nakedness)
    weak = _Places(mark for mark in marks.sexual if mark.word.kind is Kind.WEAK)
    for mark in marks.young:
        if mark.word.kind is Kind.YOUTH:
            if strong.near(mark, YOUTH_WITHIN):
                return True
        elif (dressed if mark.animal else strong).beside(mark) or weak.near(mark, WEAK_WITHIN):
            return True
    return False


class _Places:
    """Where words stand, by their languages."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        self._of_language: dict[str, set[int]] = {}
        self._shared: set[int] = set()
        for mark in marks:
            for language in mark.word.languages:
                self._of_language.setdefault(language, set()).add(mark.chunk)
            if not mark.word.own:
                self._shared.add(mark.chunk)

    def beside(self, mark: Mark) -> bool:
        """Return whether one of the words stands anywhere in the text."""
        return any(self._sets(mark))

    def near(self, mark: Mark, within: int) -> bool:
        """Return whether one of the words stands near, other than those that are exempt."""
        around = set(range(mark.chunk - within, mark.chunk + within + 1)).difference(mark.exempt)
        return any(not around.isdisjoint(places) for places in self._sets(mark))

    def _sets(self, mark: Mark) -> Iterator[set[int]]:
        """Yield the places of the words that count beside another one."""
        yield from (self._of_language.get(language, set()) for language in mark.word.languages)
        if not mark.word.own:
            yield self._shared
