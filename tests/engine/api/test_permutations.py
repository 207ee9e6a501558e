"""One prompt with braces stands for several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import BadPrompt, expand_permutations


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a red apple", ["a red apple"]),
        ("{red, blue} apple", ["red apple", "blue apple"]),
        ("a {red,blue} {apple,pear}", ["a red apple", "a red pear", "a blue apple", "a blue pear"]),
        ("a {bird, {old, young} dog}", ["a bird", "a old dog", "a young dog"]),
        ("({red, blue} apple:1.2)", ["(red apple:1.2)", "(blue apple:1.2)"]),
        ("{red, } apple", ["red apple", " apple"]),
        ("{a\n,\tb}", ["a", "b"]),
        ("", [""]),
    ],
)
def test_every_alternative_makes_a_prompt(prompt: str, expected: list[str]) -> None:
    assert list(expand_permutations(prompt, 4)) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "{red} apple",
        "{} apple",
        "a, b",
        "{red, blue",
        "red, blue}",
        r"\{red, blue\}",
        r"\{red, blue}",
        r"{red\, blue}",
        "}{",
    ],
)
def test_braces_that_are_escaped_or_hold_no_comma_or_have_no_partner_are_text(prompt: str) -> None:
    assert expand_permutations(prompt, 1) == (prompt,)


def test_an_escaped_comma_belongs_to_its_alternative() -> None:
    assert expand_permutations(r"{red\, ripe, blue} apple", 2) == (r"red\, ripe apple", "blue apple")


def test_no_more_prompts_are_made_than_the_limit() -> None:
    assert len(expand_permutations("{a, b}" * 3, 8)) == 8
    for prompt in (
        "{a, b}" * 4,
        "{a, b, {c, d, e, f, g, h, i, j, k}}",
        "{a, b}" * 50_000,
        "{a, " * 5000 + "b" + "}" * 5000,
    ):
        with pytest.raises(BadPrompt) as refused:
            expand_permutations(prompt, 8)
        assert (refused.value.reason, refused.value.limit) == ("permutations", 8)


@given(st.text(st.sampled_from("{},\\ ab"), max_size=40))
def test_what_it_stands_for_stands_for_itself(prompt: str) -> None:
    try:
        expanded = expand_permutations(prompt, 64)
    except BadPrompt:
        return
    for one in expanded:
        assert expand_permutations(one, 1) == (one,)
