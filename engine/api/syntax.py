r"""The syntax of prompts, version 2: which words weigh how much, where a new chunk begins, which LoRAs are named.

    (word)          weighs 1.1 times as much; ((word)) twice over
    [word]          weighs 1 / 1.1 times as much
    (word:1.2)      weighs 1.2 times as much
    BREAK           what follows begins a new chunk of tokens
    <lora:name:0.8> names a LoRA and its weight, and is no text
    \( \[ \{ \<     the character itself, as with every character of the syntax

Brackets without partner, and whatever else is none of this, are text. Nothing is an error. Version 1 had no syntax.

Source of the syntax: the prompts that people write for AUTOMATIC1111's web interface.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ROUND_FACTOR = 1.1
MAX_WEIGHT = 10.0

_NUMBER = r"[+-]?(?:[0-9]{1,6}+(?:\.[0-9]{0,20}+)?|\.[0-9]{1,20}+)"
# Possessive, so that no text is looked at more than twice, however many brackets and colons it has.
_MARK = re.compile(
    rf"""
    \\(?P<escaped>[\\()\[\]{{}}<>,])
    | :\s*+(?P<weight>{_NUMBER})\s*+\)
    | (?P<opening>[(\[])
    | (?P<closing>[)\]])
    | <lora:(?P<lora>[^:<>]++)(?::(?P<strength>{_NUMBER}))?>
    | \b(?P<pause>BREAK)\b
    """,
    re.VERBOSE,
)
_LORA = ("lora", "strength")
_PARTNER = {")": "(", "]": "["}
_ESCAPED_OR_LORA = re.compile(rf"\\[\\<>]|<lora:(?P<lora>[^:<>]++)(?::(?P<strength>{_NUMBER}))?>")


@dataclass(frozen=True, slots=True)
class LoraTag:
    """A LoRA named in a prompt.

    Args:
        name: as written, without the spaces around it.
        weight: as written, with any sign, below a million; None when there is none, for the LoRA's own.
    """

    name: str
    weight: float | None = None

    def __str__(self) -> str:
        """The tag as it stands in a prompt."""
        if self.weight is None:
            return f"<lora:{self.name}>"
        weight = f"{self.weight:.12f}".rstrip("0").rstrip(".")  # with an exponent it would not be read
        return f"<lora:{self.name}:{weight}>"


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a prompt's text.

    Args:
        text: not empty; no syntax left in it.
        weight: 0.0 to MAX_WEIGHT; 1.0 changes nothing.
    """

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as read.

    Args:
        sections: what BREAKs part, each some passages whose neighbours differ in weight. No section is blank; there is
            none at all when nothing but syntax was written.
        loras: in the order they were named.
    """

    sections: tuple[tuple[Passage, ...], ...]
    loras: tuple[LoraTag, ...] = ()

    @property
    def text(self) -> str:
        """The words without syntax."""
        return " ".join("".join(passage.text for passage in section) for section in self.sections)


def parse_prompt(prompt: str) -> Prompt:
    """Read a prompt. Takes time proportional to its length, and takes any text."""
    marks = list(_MARK.finditer(prompt))
    factors = _factors(marks)
    loras = tuple(_lora(mark) for mark in marks if mark.lastgroup in _LORA)
    sections: list[list[tuple[str, float]]] = [[]]
    for text, weight in _pieces(prompt, marks, factors):
        if text is None:
            sections.append([])
        else:
            sections[-1].append((text, weight))
    passages = (tuple(_merged(section)) for section in sections)
    return Prompt(tuple(section for section in passages if any(not p.text.isspace() for p in section)), loras)


def split_loras(prompt: str) -> tuple[str, tuple[LoraTag, ...]]:
    """Return the prompt without its LoRA tags, all other syntax left as it is, and the tags."""
    tags = [mark for mark in _ESCAPED_OR_LORA.finditer(prompt) if mark["lora"]]
    rest = _ESCAPED_OR_LORA.sub(lambda mark: "" if mark["lora"] else mark[0], prompt)
    return rest, tuple(_lora(tag) for tag in tags)


def words_pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Return what finds any of the words whole, in any case, and the longest of those that begin alike."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in longest_first) or r"(?!)", re.IGNORECASE)


def _lora(mark: re.Match[str]) -> LoraTag:
    return LoraTag(mark["lora"].strip(), float(mark["strength"]) if mark["strength"] else None)


def _factors(marks: Sequence[re.Match[str]]) -> dict[int, float]:
    """Return by what each bracket that has a partner multiplies or, where it closes, no longer does: 0.0 there.

    Round and square brackets find their partners independently of each other. Keys are places in `marks`.
    """
    opened: dict[str, list[int]] = {"(": [], "[": []}
    factors: dict[int, float] = {}
    for place, mark in enumerate(marks):
        kind = mark.lastgroup
        if kind == "opening":
            opened[mark[0]].append(place)
        elif kind == "closing" or kind == "weight":
            partners = opened[_PARTNER[mark[0][-1]]]
            if partners:
                factors[partners.pop()] = _factor(mark)
                factors[place] = 0.0
    return factors


def _factor(closing: re.Match[str]) -> float:
    if closing.lastgroup == "weight":
        return _bounded(float(closing["weight"]))
    return ROUND_FACTOR if closing[0] == ")" else 1 / ROUND_FACTOR


def _pieces(
    prompt: str, marks: Sequence[re.Match[str]], factors: dict[int, float]
) -> Iterator[tuple[str | None, float]]:
    """Yield the texts and their weights; None for a text where a section ends."""
    weights: dict[str, list[float]] = {"(": [1.0], "[": [1.0]}
    end, weight = 0, 1.0
    for place, mark in enumerate(marks):
        if mark.start() > end:
            yield prompt[end : mark.start()], weight
        end, kind = mark.end(), mark.lastgroup
        if kind == "pause":
            yield None, weight
        elif kind == "escaped":
            yield mark[0][1:], weight
        elif place in factors:
            products = weights[_PARTNER.get(mark[0][-1], mark[0])]
            if kind == "opening":
                products.append(_bounded(products[-1] * factors[place]))
            else:
                products.pop()
            weight = _product(weights)
        elif kind not in _LORA:
            yield mark[0], weight
    if end < len(prompt):
        yield prompt[end:], weight


def _product(weights: dict[str, list[float]]) -> float:
    # Rounded, so that ([word]) weighs exactly what word weighs.
    return round(_bounded(weights["("][-1] * weights["["][-1]), 6)


def _bounded(weight: float) -> float:
    return min(max(weight, 0.0), MAX_WEIGHT)


def _merged(pieces: Sequence[tuple[str, float]]) -> Iterator[Passage]:
    texts: list[str] = []
    current = 1.0
    for text, weight in pieces:
        if texts and weight != current:
            yield Passage("".join(texts), current)
            texts = []
        texts.append(text)
        current = weight
    if texts:
        yield Passage("".join(texts), current)
