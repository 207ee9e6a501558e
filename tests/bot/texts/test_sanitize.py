from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.texts.sanitize import inert, plain_cut

LIVE = re.compile(r"@everyone|@here|<@|<#|<:|<a:|<t:|</|<id:|://|discord(app)?\.|(?<!\\)[*_~`|>\[\]()#]", re.IGNORECASE)

nasty = st.text(
    alphabet=st.one_of(st.sampled_from("@<>#*_`|~[]()\\:/ \n.\u202e\u2066\u200b\u0000-"), st.characters()), max_size=200
)
words = st.sampled_from(
    ["@everyone", "<@1>", "<@&1>", "<#1>", "discord.gg/x", "https://", "<t:1:R>", "\u202e", "\\", " "]
)
hostile = st.one_of(nasty, st.lists(words, max_size=30).map("".join))


@given(hostile)
def test_nothing_in_the_text_is_live_any_more(text: str) -> None:
    assert not LIVE.search(unescaped_backslashes_removed(inert(text, 2000)))


@given(hostile, st.integers(1, 80))
def test_the_result_fits_and_ends_in_no_half_escape(text: str, limit: int) -> None:
    result = inert(text, limit)

    assert len(result) <= limit
    assert not re.search(r"(?<!\\)(?:\\\\)*\\…?$", result)


@given(hostile)
def test_the_result_is_one_line_without_hidden_or_turning_characters(text: str) -> None:
    result = inert(text, 2000)

    assert "\n" not in result
    hidden = {character for character in result if unicodedata.category(character) in ("Cc", "Cf")}
    assert hidden <= {"\u200b", "\u200c", "\u200d"}


@given(st.text(alphabet="abcdefghij ABC0123456789,!?äéñ", max_size=200))
def test_harmless_words_stay_as_they_are(text: str) -> None:
    assert inert(text, 2000) == " ".join(text.split())


def test_joined_emoji_stay_together() -> None:
    assert inert("👩\u200d🎨", 50) == "👩\u200d🎨"


@pytest.mark.parametrize("text", ["- item", "+ item", "# title", "> quote", "-# small"])
def test_a_mark_at_the_start_makes_no_list_title_or_quote(text: str) -> None:
    assert inert(text, 50) == "\\" + text.replace("-#", "-\\#")


def test_what_a_reader_sees_is_what_was_typed() -> None:
    text = "*bold* @everyone <@1> [a](b)"

    assert inert(text, 200).replace("\u200b", "").replace("\\", "") == text


def test_plain_text_is_cut_with_an_ellipsis() -> None:
    assert plain_cut("one\ntwo \u202ethree", 9) == "one two…"


def unescaped_backslashes_removed(text: str) -> str:
    """Drop escaped backslashes, so that what follows one does not look escaped."""
    return text.replace("\\\\", "")
