# ruff: noqa: RUF001 - letters that look like others are what is tested here
"""What disguises the folding undoes, one by one, and how long it lets a text grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.folding import fold, visible, with_forms
from engine.api.vocabulary import Vocabulary

DISGUISES = {
    "direction": "\u202earbez",
    "wide": "ｚｅｂｒａ",
    "styled": "𝔷𝕖𝓫𝖗𝚊",
    "circled": "ⓩⓔⓑⓡⓐ",
    "squared": "🆉🅴🅱🆁🅰",
    "circled on black": "🅩🅔🅑🅡🅐",
    "hebrew points": "z\u05b0eb\u05b4ra",
    "flags": "🇿🇪🇧🇷🇦",
    "weight": "ze(b:1.2)ra",
    "lora": "ze<lora:ink:0.8>bra",
    "escape": "ze\\bra",
    "case": "ZeBRa",
    "accents": "żébrà",
    "combining": "z\u0338e\u0301b\u0332ra",
    "invisible": "ze\u200bb\u00adr\u2060a",
    "cyrillic": "zеbrа",
    "greek": "ζεbra",
    "small capitals": "ᴢᴇʙʀᴀ",
    "dots": "z.e.b.r.a",
    "emoji": "z🔥e🔥b🔥r🔥a",
    "spelled": "z e b r a",
    "spelled with commas": "z, e, b, r, a",
    "stretched": "zzzebraaa",
    "leet": "z3br4",
    "bang": "z3br@",
    "star for a letter": "z*bra",
    "star between letters": "ze*bra",
}
ZEBRA = Vocabulary([("zebra", "zebra")])


def has_zebra(text: str) -> bool:
    return any(hit for reading in fold(text) for hit in ZEBRA.find(reading))


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguise_is_undone(disguise: str) -> None:
    assert has_zebra(f"a {DISGUISES[disguise]}, grazing")


@pytest.mark.parametrize(
    "text", ["zebrawood", "xzebra", "ze bra", "zeb", "arbez", "z e b", "zbra", "the bra", "2e8r4", "z**ra!"]
)
def test_other_words_stay_other_words(text: str) -> None:
    assert has_zebra(text) is (text == "z**ra!")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("12yo 1girl girl2 ban4na 8k", ("12", "yo", "1", "girl", "girl", "2", "ban4na", "8", "k")),
        ("red,fox; don't", ("red", "fox", "don", "t")),
        ("裸足 no", ("裸", "足", "no")),
        ("शिव が", ("शिव", "が")),
        ("٣ ３", ("3", "3")),
    ],
)
def test_words_are_parted(text: str, words: tuple[str, ...]) -> None:
    assert fold(text)[0].words == words


def test_plain_text_is_read_in_one_way() -> None:
    assert len(fold("a red apple, 12 years old. Soft light (best:1.2)")) == 1


@pytest.mark.parametrize("character", ["\ufdfa", "㌀", "⑽", "\ufb03", "\u0390"])
def test_no_text_grows_beyond_threefold(character: str) -> None:
    letters = sum(len(word) for word in fold(character * 1000)[0].words)

    assert letters <= 3000


@given(st.text(max_size=100))
def test_all_readings_of_any_text_are_whole(text: str) -> None:
    for reading in fold(text):
        assert len(reading.words) == len(reading.gaps) == len(reading.chunks)
        assert all(reading.words)
        assert list(reading.chunks) == sorted(reading.chunks)


@pytest.mark.parametrize(
    ("term", "forms"),
    [
        ("banana", {"banana", "bananas"}),
        ("bananas", {"bananas", "banana", "bananases"}),
        ("bus", {"bus", "buses"}),
        ("pony", {"pony", "ponys", "ponies"}),
        ("glass", {"glass", "glasses"}),
        ("猫", {"猫"}),
        ("ox", {"ox"}),
        ("puppies", {"puppies", "puppy", "puppie", "puppieses"}),
        ("lies", {"lies", "lie", "lieses"}),
        ("cats", {"cats", "cat", "catses"}),
        ("flies", {"flies", "fly", "flie", "flieses"}),
    ],
)
def test_simple_plurals_are_forms_of_a_word(term: str, forms: set[str]) -> None:
    assert set(with_forms(term)) == forms


@given(st.text(max_size=100))
def test_visible_text_hides_and_turns_nothing(text: str) -> None:
    shown = visible(text)

    assert not any(character in shown for character in "\u202e\u2066\u200b\u00ad\u034f\x00\n")
    assert visible(shown) == shown


def test_letters_that_are_two_are_read_as_two() -> None:
    assert fold("Cæsar œuvre þing")[0].words == ("caesar", "oeuvre", "thing")


@pytest.mark.parametrize("text", ["appple", "app1e", "4pp1e"])
def test_a_word_with_two_equal_letters_is_found_where_it_is_stretched_or_has_digits_for_letters(text: str) -> None:
    apple = Vocabulary([("apple", "apple")])
    assert [hit for reading in fold(text) for hit in apple.find(reading)]


def test_a_tab_is_shown_as_a_space_and_what_joins_emoji_stays() -> None:
    assert visible("a\tb\u200bc \u200d") == "a bc \u200d"
