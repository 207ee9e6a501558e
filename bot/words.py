"""Find phrases in prompts, whatever they are dressed up in: how a server's blocked words are compared.

Letters, digits and the marks that belong to them spell a word, in any case and with or without accents. Whatever else
there is parts words; the brackets, escapes, weights and LoRA tags of prompts may also vanish inside one. A phrase is
found where its words stand whole and follow one another, with anything or nothing between them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.api import parse_prompt

_PARTS = " "  # stands for what is between two words
_MAY_VANISH = "("  # stands for what is, or is not
_RUN = re.compile(rf"[^{_PARTS}{_MAY_VANISH}]+|[{_PARTS}{_MAY_VANISH}]+")

_BRACKETS = frozenset("()[]{}<>\\")
_WEIGHT_OR_LORA = re.compile(r"<lora:[^<>]*+>|:\s*+[+-]?[0-9.]++\s*+\)")
_PAUSE = re.compile(r"\bBREAK\b")

# Characters that nobody sees, beside those of the categories Cc, Cf and Me.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Thai, Lao, Myanmar, Khmer, kana and Chinese characters, between which nobody writes spaces: each may be a word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
# Letters that Unicode takes for others, and people do not.
_SAME = str.maketrans("øłđħŧıаеорсухіѕјһкмтвнαβεικμορτχ", "oldhtiaeopcyxisjhkmtbhabeikmoptx") | str.maketrans(
    {"æ": "ae", "œ": "oe"}
)


@dataclass(frozen=True, slots=True)
class _Spelling:
    """A text as it is compared.

    Args:
        letters: all words, with nothing between them.
        edges: places in `letters` where a word may begin or end.
        parted: those of them where one has to.
    """

    letters: str
    edges: frozenset[int]
    parted: frozenset[int]

    def same(self, other: _Spelling) -> bool:
        """Return whether both have the same words."""
        return (self.letters, self.edges) == (other.letters, other.edges)


def has_words(phrase: str) -> bool:
    """Return whether there is anything in a phrase to look for."""
    return bool(_spelling(phrase).letters)


def find_same(phrases: Iterable[str], phrase: str) -> str | None:
    """Return the first of the phrases that is the same as another one, however the two are written."""
    wanted = _spelling(phrase)
    return next((each for each in phrases if _spelling(each).same(wanted)), None)


def find_phrase(phrases: Sequence[str], prompts: Iterable[str]) -> str | None:
    """Return a phrase that one of the prompts holds, or None. Takes time proportional to the length of each.

    Args:
        phrases: what is looked for, plain words.
        prompts: with any syntax.
    """
    if not phrases:
        return None
    wanted = [(phrase, _spelling(phrase)) for phrase in phrases]
    views = [_spelling(view) for prompt in prompts for view in _views(prompt)]
    return next((phrase for phrase, spelling in wanted if any(_holds(view, spelling) for view in views)), None)


def _views(prompt: str) -> tuple[str, str]:
    """Return a prompt as the model reads it, and as a person does, who sees two words in `(red:1.2)(fox)`."""
    parted = _WEIGHT_OR_LORA.sub(_MAY_VANISH, _PAUSE.sub(_PARTS, prompt))
    return parse_prompt(prompt).text, parted


def _holds(text: _Spelling, phrase: _Spelling) -> bool:
    start = text.letters.find(phrase.letters)
    while start >= 0:
        end = start + len(phrase.letters)
        if start in text.edges and end in text.edges:
            inside = text.parted.intersection(range(start + 1, end))
            if all(place - start in phrase.edges for place in inside):
                return True
        start = text.letters.find(phrase.letters, start + 1)
    return False


def _spelling(text: str) -> _Spelling:
    words: list[str] = []
    edges, parted = {0}, set()
    length = 0
    for run in _RUN.findall(_folded(text)):
        if run[0] in (_PARTS, _MAY_VANISH):
            edges.add(length)
            if _PARTS in run:
                parted.add(length)
        else:
            words.append(run)
            length += len(run)
    return _Spelling("".join(words), frozenset(edges | {length}), frozenset(parted))


def _folded(text: str) -> str:
    """Return the text's words in one spelling of each letter, with _PARTS and _MAY_VANISH between them."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = "".join(map(_letter, _UNSEEN.sub("", plain))).translate(_SAME)
    return _UNSPACED.sub(rf"{_MAY_VANISH}\g<0>{_MAY_VANISH}", unicodedata.normalize("NFC", kept))


def _letter(character: str) -> str:
    """Return what stands for a character of a decomposed text; nothing for an accent."""
    if character.isalnum():
        return character
    if character in _BRACKETS:
        return _MAY_VANISH
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Me") and not character.isspace():
        return ""
    if category.startswith("M"):
        return "" if _is_accent(character) else character
    return _PARTS


def _is_accent(mark: str) -> bool:
    """Return whether a mark may be left out: vowel signs of Indian scripts and the voicing of kana may not.

    By Unicode's combining classes: 1 strikes through, 10 to 36 are the points of Hebrew and Arabic, and from 200 on it
    is those that stand above or below.
    """
    place = unicodedata.combining(mark)
    return place == 1 or 10 <= place <= 36 or place >= 200
