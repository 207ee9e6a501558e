"""What the signs of a prompt mean, and that every other text is just text."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import LoraTag, Passage, Prompt, parse_prompt, split_loras

prompts = st.text(st.sampled_from("()[]{}<>\\:,. 12ab\n") | st.characters(codec="utf-8"), max_size=60) | st.lists(
    st.sampled_from(["(", ")", "[", "]", "\\", ":1.2)", ":", "BREAK", " ", "apple", "<lora:ink:0.8>", "(red:1.3)"])
).map("".join)


def weights(prompt: str) -> list[tuple[str, float]]:
    """Read a prompt of one section."""
    (section,) = parse_prompt(prompt).sections
    return [(passage.text, passage.weight) for passage in section]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a red apple", [("a red apple", 1.0)]),
        ("a (red) apple", [("a ", 1.0), ("red", 1.1), (" apple", 1.0)]),
        ("((red))", [("red", 1.21)]),
        ("[red]", [("red", 0.909091)]),
        ("[[red]]", [("red", 0.826446)]),
        ("([red])", [("red", 1.0)]),
        ("(red:1.3) apple", [("red", 1.3), (" apple", 1.0)]),
        ("(red: 1.3 )", [("red", 1.3)]),
        ("(red:.5)", [("red", 0.5)]),
        ("(a (red:1.5) apple:2)", [("a ", 2.0), ("red", 3.0), (" apple", 2.0)]),
        ("(a [red) apple]", [("a ", 1.1), ("red", 1.0), (" apple", 0.909091)]),
        ("(at 10:30:1.2)", [("at 10:30", 1.2)]),
        ("(beautiful:1.2) sunset over (calm:0.8) ocean", [("beautiful", 1.2), (" sunset over ", 1.0), ("calm", 0.8),
                                                          (" ocean", 1.0)]),
    ],
)  # fmt: skip
def test_brackets_weigh_words(prompt: str, expected: list[tuple[str, float]]) -> None:
    assert weights(prompt) == expected


@pytest.mark.parametrize(
    "prompt", ["a (red:1.0) apple", "a (red:1) apple", "a ([red]) apple", "a() [](red:1.00)[()] apple"]
)
def test_a_weight_of_one_leaves_no_trace(prompt: str) -> None:
    assert parse_prompt(prompt) == parse_prompt("a red apple")


def test_neighbours_of_one_weight_are_one_passage() -> None:
    assert weights("(straw)(berry) pie") == [("strawberry", 1.1), (" pie", 1.0)]


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        (r"\(red\)", "(red)"),
        (r"\[red\] \{red\} \<red\> red\, red\\", "[red] {red} <red> red, red\\"),
        (r"a smile \:) \x", r"a smile \:) \x"),
        ("a smile :) and :(", "a smile :) and :("),
        ("(red", "(red"),
        ("red)", "red)"),
        ("[red", "[red"),
        ("red:1.2)", "red:1.2)"),
        ("(red:1.2", "(red:1.2"),
        ("{red} <red> <lora:> <lora:ink <hypernet:ink:1>", "{red} <red> <lora:> <lora:ink <hypernet:ink:1>"),
        ("BREAKFAST, a break, OUTBREAK", "BREAKFAST, a break, OUTBREAK"),
    ],
)
def test_what_is_escaped_or_has_no_partner_is_text(prompt: str, text: str) -> None:
    assert weights(prompt) == [(text, 1.0)]


def test_a_bracket_without_partner_changes_nothing_around_it() -> None:
    assert weights("((red) apple") == [("(", 1.0), ("red", 1.1), (" apple", 1.0)]
    assert weights("(red)) apple") == [("red", 1.1), (") apple", 1.0)]


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ("nan", ("red:nan", 1.1)),
        ("inf", ("red:inf", 1.1)),
        ("1e9", ("red:1e9", 1.1)),
        ("1.2.3", ("red:1.2.3", 1.1)),
        ("", ("red:", 1.1)),
        ("9" * 400, ("red:" + "9" * 400, 1.1)),
        ("٣", ("red:٣", 1.1)),
        ("1000", ("red", 10.0)),
        ("-1", ("red", 0.0)),
        ("+2", ("red", 2.0)),
        ("0", ("red", 0.0)),
    ],
)
def test_a_weight_that_is_no_number_is_text_and_one_out_of_range_is_brought_into_it(
    weight: str, expected: tuple[str, float]
) -> None:
    assert weights(f"(red:{weight})") == [expected]


def test_break_parts_sections_even_inside_brackets() -> None:
    assert parse_prompt("a BREAK (b BREAK c:1.2) d").sections == (
        (Passage("a "),),
        (Passage(" "), Passage("b ", 1.2)),
        (Passage(" c", 1.2), Passage(" d")),
    )


@pytest.mark.parametrize("prompt", ["BREAK a BREAK", "BREAK BREAK a", "a\nBREAK\n \nBREAK"])
def test_no_section_is_blank(prompt: str) -> None:
    assert [passage.text.strip() for section in parse_prompt(prompt).sections for passage in section] == ["a"]


@pytest.mark.parametrize("prompt", ["", " ", "()", "[ ]", "(:1.2)", "BREAK", "<lora:ink:1>"])
def test_a_prompt_that_says_nothing_has_no_section(prompt: str) -> None:
    assert parse_prompt(prompt).sections == ()
    assert parse_prompt(prompt).text == ""


def test_lora_tags_are_data_and_no_text() -> None:
    read = parse_prompt("a <lora:ink:0.8>red (apple<lora: Old Film >:1.2) <lora:x.y_z:-1>")
    assert read.loras == (LoraTag("ink", 0.8), LoraTag("Old Film"), LoraTag("x.y_z", -1.0))
    assert read.text == "a red apple "


@pytest.mark.parametrize("tag", ["<lora:ink:nan>", "<lora:ink:1:2>", "<lora:ink:1e3>", r"\<lora:ink:1>", "<lora:ink"])
def test_what_is_no_lora_tag_is_text(tag: str) -> None:
    assert parse_prompt(tag) == Prompt(((Passage(tag.removeprefix("\\")),),))
    assert split_loras(tag) == (tag, ())


def test_splitting_loras_off_leaves_all_other_syntax() -> None:
    rest, tags = split_loras(r"(a:1.2) <lora:ink:0.8>BREAK \<lora:no:1> \\<lora:old:1>")
    assert rest == r"(a:1.2) BREAK \<lora:no:1> \\"
    assert tags == (LoraTag("ink", 0.8), LoraTag("old", 1.0))


@given(prompts)
def test_any_text_can_be_read(prompt: str) -> None:
    read = parse_prompt(prompt)
    for section in read.sections:
        assert all(passage.text and 0.0 <= passage.weight <= 10.0 for passage in section)
        assert all(one.weight != other.weight for one, other in pairwise(section))
        assert any(not passage.text.isspace() for passage in section)


@given(prompts)
def test_the_text_that_was_read_is_what_was_written_less_its_signs(prompt: str) -> None:
    signs = re.compile(r"[\\()\[\]{}<>:,.\s\d+-]|BREAK|lora|ink")
    assert signs.sub("", parse_prompt(prompt).text) == signs.sub("", prompt)


@given(st.text(max_size=60).filter(lambda text: "BREAK" not in text and text.strip()))
def test_text_with_its_signs_escaped_is_read_as_it_was(text: str) -> None:
    escaped = re.sub(r"[\\()\[\]{}<>,]", r"\\\g<0>", text)
    assert weights(escaped) == [(text, 1.0)]


@given(prompts)
def test_loras_split_off_are_those_that_reading_finds(prompt: str) -> None:
    rest, tags = split_loras(prompt)
    assert tags == parse_prompt(prompt).loras
    assert len(rest) <= len(prompt)


ADVERSARIAL = ["(", ")", "()", "[", ":", ": ", ":1", "(a:1", "\\", "<lora:", "<lora:a:1", "BREAK", "a ", "(a:1.2)"]


@pytest.mark.parametrize("piece", ADVERSARIAL)
def test_twice_the_brackets_take_twice_the_calls(piece: str) -> None:
    # Callbacks of the garbage collector are counted too; work that grows with the square would make four times.
    assert calls(parse_prompt, piece * 6000) <= 2.2 * calls(parse_prompt, piece * 3000) + 100
    assert calls(parse_prompt, piece * 6000) <= 40 * 6000


@pytest.mark.parametrize("piece", [*ADVERSARIAL, "1", " ", ":      ", ":1111111111", "\\("])
def test_no_text_makes_the_search_for_signs_go_back_over_it(piece: str) -> None:
    """Were it to, this would take minutes."""
    prompt = piece * (400_000 // len(piece)) + " end"
    assert parse_prompt(prompt).text.endswith("end")
    assert split_loras(prompt)[0].endswith("end")


def calls(function: Any, *arguments: Any) -> int:
    """Count the calls, of Python and C functions, that a call makes."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return count
