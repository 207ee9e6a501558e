"""Phrases in prompts: found in every dress, and only where they are."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.words import find_phrase, find_same, has_words

PHRASE = "greg rutkowski"

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


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=5), st.text("ab  ", max_size=30))
def test_of_plain_words_those_are_found_that_stand_whole_and_follow_one_another(phrase: list[str], text: str) -> None:
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
    for other in (phrase.upper(), phrase.casefold(), f" {phrase}\u200b!"):
        assert find_same([phrase], other) == phrase


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
    assert find_same(["superman"], "super man") is None
    assert find_same(["fog", "Super-Man"], "super man") == "Super-Man"


@pytest.mark.parametrize("phrase", ["", " ", "?!", "()", "\u200b", "🍎"])
def test_a_phrase_of_signs_has_no_words(phrase: str) -> None:
    assert not has_words(phrase)
