"""How far apart words may stand to be about each other, in either order."""

from __future__ import annotations

import pytest

from tests.engine.prompt_floor.corpora import is_forbidden

APART = [("naked", "girl", 6), ("sexy", "child", 8)]
"""What is sexual, who is young, and how many words on the one may be behind the other."""


def text(first: str, last: str, distance: int) -> str:
    """Return a text in which the last word stands so many words behind the first."""
    return " ".join([first, *["really"] * (distance - 1), last])


@pytest.mark.parametrize(("sexual", "young", "within"), APART)
@pytest.mark.parametrize("is_turned", [False, True])
def test_words_within_their_distance_are_refused(sexual: str, young: str, within: int, is_turned: bool) -> None:
    first, last = (young, sexual) if is_turned else (sexual, young)
    for distance in (1, 2, within):
        assert is_forbidden(text(first, last, distance))


@pytest.mark.parametrize(("sexual", "young", "within"), APART)
@pytest.mark.parametrize("is_turned", [False, True])
def test_words_beyond_their_distance_are_drawn(sexual: str, young: str, within: int, is_turned: bool) -> None:
    first, last = (young, sexual) if is_turned else (sexual, young)
    assert not is_forbidden(text(first, last, within + 1))


@pytest.mark.parametrize(
    "prompt", ["어린이가 나체", "나체 어린이를", "나체 아이는", "나체의 소녀는", "미성년자가 섹스"]
)
def test_a_korean_word_is_found_with_its_particle(prompt: str) -> None:
    assert is_forbidden(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "naked bark, child",
        "naked paint, child",
        "a teen werewolf chasing naked people",
        "child's naked eye",
        "nude statue of a very old child",
        "a child stripping the clothes bark",
        "naked baby bird hybrid",
        "naked baby rabbit costume",
    ],
)
def test_what_takes_nakedness_from_one_thing_takes_it_from_nothing_else(prompt: str) -> None:
    assert is_forbidden(prompt)


@pytest.mark.parametrize("words", ["naked men", "one big naked man"])
def test_whom_a_beast_chases_may_be_naked(words: str) -> None:
    assert not is_forbidden(f"girl werewolf chasing {words}")


def test_three_words_behind_the_chase_somebody_else_may_be_meant() -> None:
    assert is_forbidden("girl werewolf chasing one big bad naked man")


@pytest.mark.parametrize("prompt", ["sexy<lora:ink:0.8>child", "child<lora:ink:0.8>erotic", "sexy(child:1.2)"])
def test_words_that_syntax_alone_parts_are_two(prompt: str) -> None:
    assert is_forbidden(prompt)


def test_lines_are_parted_like_by_commas() -> None:
    assert is_forbidden("child, nude\nstatue")


def test_the_young_of_animals_may_be_naked_wherever_they_are() -> None:
    assert not is_forbidden("naked baby bird in a nest")
