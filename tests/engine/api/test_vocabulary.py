"""Where terms are found: their endings, stars for their letters, and signs between them."""

from __future__ import annotations

import pytest

from engine.api.folding import fold
from engine.api.vocabulary import Vocabulary


def is_found(term: str, text: str) -> bool:
    vocabulary = Vocabulary([(term, None)])
    return any(list(vocabulary.find(reading)) for reading in fold(text))


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("zebra*", "zebra"),
        ("zebra*", "zebraing"),
        ("zebra**", "zebraishness"),
        ("cat", "c*t"),
        ("lion", "l**n"),
        ("panther", "p**ther"),
        ("elephant", "elep*ant"),
        ("hippopotamus", "hippop*tamus"),
        ("pony", "ponies"),
        ("pony", "poni.es"),
        ("cats", "cat"),
        ("zebra", "z-ebra"),
        ("wild cat", "wild-cats"),
        ("wild cat", "wildcat"),
        ("wild cat", "w-ild cat"),
        ("zebra*", "z-ebraing"),
    ],
)
def test_a_term_is_found(term: str, text: str) -> None:
    assert is_found(term, text)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("zebra*", "zebraings"),
        ("zebra", "zebraing"),
        ("ox", "o*"),
        ("cat", "**t"),
        ("elephant", "el**hant"),
        ("rhinocerosses", "rhinoc*rosses"),
        ("wild cat", "wildc at"),
        ("wild cat", "wild big cat"),
    ],
)
def test_another_word_is_not(term: str, text: str) -> None:
    assert not is_found(term, text)
