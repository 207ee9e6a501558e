# ruff: noqa: RUF001 - letters that look like others are what is tested here
"""Phrases in prompts: found in every dress, and only where they are."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.blocked_words import BlockedPhrase, examples_of, find_same, has_words, read_phrases
from bot.domain.blocked_words import find_phrase as find_blocked
from engine.api import MAX_PROMPT_CHARACTERS
from tests.engine.prompt_floor.corpora import captions, lookalikes

PHRASE = "greg rutkowski"


def find_phrase(phrases: list[str], texts: list[str], *, forms: bool = False) -> str | None:
    return find_blocked([BlockedPhrase(phrase, forms) for phrase in phrases], texts)


LETTERS = "abcdefghijklmnopqrstuvwxyzäéñøßçжд0123456789"
words = st.lists(st.text(LETTERS, min_size=1, max_size=6), min_size=1, max_size=4)
around = st.sampled_from(["{}", "({})", "[{}]", "(({}))", "({}:1.2)", "([{}]:.5)", r"\({}\)", r"\[{}", "({}", "{}]"])
between = st.sampled_from([" ", "  ", "-", "_", ", ", "\n", ".", " - ", "", " BREAK ", "<lora:ink:0.8>", "\u200b", "/"])
beside = st.sampled_from(["", "a boat by ", "(blue) ", "x, ", "[", "<lora:ink> ", "猫", "BREAK ", "\\"])
spellings: st.SearchStrategy[Callable[[str], str]] = st.sampled_from(
    [str, str.upper, str.title, str.swapcase, lambda word: "\u200d".join(word)]
)


@st.composite
def dressed(draw: st.DrawFn, phrase: list[str]) -> str:
    """Return a prompt that has the phrase in it, in any case and syntax."""
    parts = []
    for word in phrase:
        cut = draw(st.integers(0, len(word)))
        head, tail = (draw(spellings)(part) for part in (word[:cut], word[cut:]))
        parts.append(draw(around).format(draw(around).format(head) + tail if head else tail))
    whole = parts[0] + "".join(draw(between) + part for part in parts[1:])
    return draw(beside) + draw(around).format(whole) + draw(st.sampled_from(["", ", blue", " (boat)", "]", ":1.1)"]))


@given(st.data())
def test_a_phrase_is_found_in_every_case_bracket_weight_and_spacing(data: st.DataObject) -> None:
    phrase = data.draw(words)

    assert find_phrase([" ".join(phrase)], [data.draw(dressed(phrase))])


@given(
    st.lists(st.sampled_from(["sun", "set", "sea", "lit"]), min_size=1, max_size=5), st.text("sunetali  ", max_size=30)
)
def test_of_plain_words_those_are_found_that_stand_whole_and_follow_one_another(phrase: list[str], text: str) -> None:
    assume(not re.search(r"(\w)\1\1|(?<!\w)\w( \w){2}", " ".join(text.split())))
    expected = re.search(rf"(?<!\w){' ?'.join(phrase)}(?!\w)", " ".join(text.split()))

    assert bool(find_phrase([" ".join(phrase)], [text])) == bool(expected)


@given(words, st.lists(st.text(LETTERS, max_size=8), max_size=10), st.data())
def test_a_text_whose_words_are_all_longer_than_those_of_the_phrase_is_never_refused(
    phrase: list[str], others: list[str], data: st.DataObject
) -> None:
    text = [data.draw(around).format(f"щ{word}щ") for word in [*others, *phrase]]

    assert find_phrase([" ".join(phrase)], [", ".join(text)]) is None


@given(st.text(max_size=60), st.text(max_size=200))
def test_any_text_can_be_looked_through(phrase: str, text: str) -> None:
    assert find_phrase([phrase] if has_words(phrase) else [], [text]) in (None, phrase)


@given(st.text(max_size=60))
def test_a_phrase_is_the_same_as_itself_in_other_letters(phrase: str) -> None:
    known = BlockedPhrase(phrase)
    for other in (phrase.upper(), phrase.casefold(), f" {phrase}\u200b!"):
        assert find_same([known], other) == known


@pytest.mark.parametrize(
    "prompt",
    [
        "a castle, by Greg Rutkowski",
        "GREG_RUTKOWSKI's castle",
        "greg-rutkowski",
        "gregrutkowski",
        "\uff27\uff52\uff45\uff47\u3000\uff32utkowski",  # wide letters
        "Grég Rutkówski",
        "greg, rutkowski",
        "(greg:1.2)(rutkowski:1.2)",
        "(a castle by)(greg:1.3) [rutkowski]",
        "gr(eg:1.1) rut<lora:ink:0.5>kowski",
        r"greg\(rutkowski\)",
        r"gr\[eg rut\]kowski",
        "greg BREAK rutkowski",
        "gr\u200beg rut\u00adkowski",
        "g\u0338reg rutkowski",
        "gr\u0435g rutk\u043ewski",  # with Cyrillic letters
    ],
)
def test_a_name_is_found(prompt: str) -> None:
    assert find_phrase(["fog", PHRASE], [prompt]) == PHRASE


@pytest.mark.parametrize(
    ("phrase", "prompt"),
    [
        (PHRASE, "greg"),
        (PHRASE, "rutkowski greg"),
        (PHRASE, "greg the rutkowski"),
        (PHRASE, "gregory rutkowski"),
        ("hell", "he'll wait, shell, hello"),
        ("mango", "a man go fishing"),
        ("lora", "<lora:ink:0.8> boat"),
        ("break", "boat BREAK sea"),
        ("が", "か"),
        ("कि", "के"),
    ],
)
def test_other_words_are_no_reason_to_refuse(phrase: str, prompt: str) -> None:
    assert find_phrase([phrase], [prompt]) is None


@pytest.mark.parametrize(
    ("phrase", "prompt"),
    [
        ("H.R. Giger", "in the style of hr giger"),
        ("O'Keeffe", "flowers, o\u2019keeffe"),
        ("spider-man", "Spiderman"),
        ("Łódź", "a street in lodz"),
        ("Straße", "STRASSE"),
        ("agent 7", "agent :7) in a boat"),
        ("猫耳", "白い猫耳の少女"),
        ("\u0451", "\u0415"),
        ("शिव", "शिव का चित्र"),
    ],
)
def test_names_are_found_as_people_write_them(phrase: str, prompt: str) -> None:
    assert find_phrase([phrase], [prompt]) == phrase


def test_two_phrases_are_not_the_same_when_one_finds_more() -> None:
    fog, hero = BlockedPhrase("fog"), BlockedPhrase("Super-Man")
    assert find_same([BlockedPhrase("superman")], "super man") is None
    assert find_same([fog, hero], "super man") == hero


@pytest.mark.parametrize("phrase", ["", " ", "?!", "()", "\u200b", "🍎"])
def test_a_phrase_of_signs_has_no_words(phrase: str) -> None:
    assert not has_words(phrase)


WORDS = ("zebra", "banana", "dragon", "clown", "spider", "castle", "vampire", "pumpkin", "rocket", "jellyfish")
LEET = str.maketrans("aeios", "43105")
CYRILLIC = str.maketrans("aeopcyx", "аеорсух")
DISGUISES: dict[str, Callable[[str], str]] = {
    "capitals": str.upper,
    "accents": lambda word: "".join(f"{letter}\u0301" if letter in "aeiou" else letter for letter in word),
    "wide": lambda word: "".join(chr(ord(letter) + 0xFEE0) for letter in word),
    "styled": lambda word: "".join(chr(ord(letter) - ord("a") + 0x1D4B6 + 0x34) for letter in word),
    "squared": lambda word: "".join(chr(ord(letter) - ord("a") + 0x1F170) for letter in word),
    "invisible": "\u200b".join,
    "cyrillic": lambda word: word.translate(CYRILLIC),
    "spaces": " ".join,
    "dots": ".".join,
    "hyphens": "-".join,
    "star": lambda word: f"{word[:2]}*{word[2:]}",
    "star for a letter": lambda word: f"{word[:2]}*{word[3:]}",
    "stretched": lambda word: word[:2] + word[2] * 3 + word[3:],
    "leet": lambda word: word.translate(LEET),
    "weight": lambda word: f"{word[:2]}({word[2:4]}:1.2){word[4:]}",
    "lora": lambda word: f"{word[:2]}<lora:ink:0.8>{word[2:]}",
    "right to left": lambda word: f"\u202e{word[::-1]}\u202c",
    "plural": lambda word: f"{word}s" if not word.endswith("sh") else f"{word}es",
}


def test_of_words_in_disguise_at_least_97_in_100_are_caught() -> None:
    tried = [(kind, word) for kind in DISGUISES for word in WORDS]
    missed = [
        (kind, word)
        for kind, word in tried
        if not find_phrase([word], [f"a photo of a {DISGUISES[kind](word)}, at night"], forms=True)
    ]

    print(f"{len(tried) - len(missed)} of {len(tried)} caught; not {missed}")
    assert len(DISGUISES) >= 15
    assert len(missed) <= 0.03 * len(tried), missed


def test_of_innocent_texts_that_look_alike_none_is_caught() -> None:
    texts = [(word, text) for word, listed in lookalikes().items() for text in listed]
    caught = [(word, text) for word, text in texts if find_phrase([word], [f"a {text} at night"], forms=True)]

    assert len(texts) >= 500
    assert caught == []


@pytest.mark.parametrize(
    ("typed", "phrases"),
    [
        ("banana, cherry", ("banana", "cherry")),
        ('"red, fox", blue', ("red, fox", "blue")),
        ("“a b”, «c», „d, e“", ("a b", "c", "d, e")),
        (" , ,,", ()),
        ("one   word", ("one word",)),
        ("same, same", ("same",)),
        ('"unclosed, x', ("unclosed", "x")),
        ("o'keeffe", ("o'keeffe",)),
    ],
)
def test_a_list_is_read_by_its_commas_and_quotes(typed: str, phrases: tuple[str, ...]) -> None:
    assert read_phrases(typed) == phrases


@pytest.mark.parametrize(
    "text", ["banana", "greg rutkowski", "猫耳", "ass", "Łódź", "agent 7", "x", "H.R. Giger", "bus"]
)
@pytest.mark.parametrize("forms", [True, False])
def test_the_examples_of_a_phrase_are_true(text: str, forms: bool) -> None:
    phrase = BlockedPhrase(text, forms)
    examples = examples_of(phrase)

    assert examples.stopped
    assert find_blocked([phrase], [examples.stopped])
    assert find_blocked([phrase], [text])
    assert not find_blocked([phrase], [examples.let_through])


@pytest.mark.parametrize(
    ("forms", "caught"), [(True, ["banana", "bananas", "banana's"]), (False, ["banana", "banana's"])]
)
def test_a_phrase_is_looked_for_exactly_or_with_its_plurals(forms: bool, caught: list[str]) -> None:
    texts = ["banana", "bananas", "banana's", "bananarama", "ban"]

    assert [text for text in texts if find_phrase(["banana"], [text], forms=forms)] == caught


@pytest.mark.parametrize(
    "piece", ["a", "a1 ", "z*bra ", "z e b r a ", "zebr", "zebra ", "\ufdfa", "\u202ea ", "((", "猫"]
)
def test_no_prompt_costs_more_than_five_times_as_much_as_plain_text_of_its_length(piece: str) -> None:
    phrases = [BlockedPhrase(f"{word} {number}") for number in range(20) for word in WORDS]
    plain = ", ".join(text for text in captions()["en_plain"] if not re.search("[0-9]", text))[:MAX_PROMPT_CHARACTERS]
    text = (piece * len(plain))[: len(plain)]

    def cost_s(prompt: str) -> float:
        took = []
        for _ in range(3):
            began = time.thread_time()
            find_blocked(phrases, [prompt])
            took.append(time.thread_time() - began)
        return min(took)

    assert min(cost_s(text) / cost_s(plain) for _ in range(4)) <= 5
