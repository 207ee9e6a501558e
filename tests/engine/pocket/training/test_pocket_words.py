"""Subjects, captions and the tokenizer that is made from them."""

from __future__ import annotations

import re
import string

import numpy as np
import pytest

from engine.pocket.training import captions, scenes, tokenizer
from engine.pocket.training.grounds import COLOURS, Ground
from engine.pocket.training.paint import PAINTS
from engine.pocket.training.render import STYLES
from engine.pocket.training.subjects import SUBJECTS, Subject

APPLE = next(subject for subject in SUBJECTS if subject.label == "red apple")


WHITE = Ground()


def many(subject: Subject, style: str, ground: Ground = WHITE) -> list[str]:
    random = np.random.default_rng(1)
    return [captions.caption(subject, style, ground, random) for _ in range(300)]


def test_no_two_subjects_share_a_label_or_a_picture() -> None:
    assert len({subject.label for subject in SUBJECTS}) == len(SUBJECTS)
    assert len({subject.code for subject in SUBJECTS}) == len(SUBJECTS)


def test_the_things_people_try_first_are_among_the_subjects() -> None:
    names = {name for subject in SUBJECTS for name in subject.names}
    wanted = "apple cat dog house tree car flower sun fish bird pizza heart rocket guitar"
    assert names.issuperset(wanted.split())


def test_everything_the_safety_checker_must_block_is_marked() -> None:
    blocked = {name for subject in SUBJECTS if subject.blocked for name in subject.names}
    assert blocked.issuperset({"gun", "bomb", "knife", "dagger", "cigarette", "beer", "syringe", "blood"})
    assert not blocked & {"apple", "cat", "pizza"}


def test_names_are_plain_lower_case_words() -> None:
    allowed = set(string.ascii_lowercase + " -'")
    assert all(set(name) <= allowed for subject in SUBJECTS for name in subject.names)


@pytest.mark.parametrize("style", STYLES)
def test_every_caption_names_its_subject(style: str) -> None:
    for subject in SUBJECTS:
        assert any(name in captions.caption(subject, style, WHITE, np.random.default_rng(2)) for name in subject.names)


def test_captions_take_the_forms_people_type() -> None:
    texts = set(many(APPLE, "3d"))
    assert {"a red apple, 3d", "red apple, 3d", "an apple, 3d"} & texts
    assert {"a red apple", "red apple", "an apple"} & set(many(APPLE, ""))


def test_a_style_is_named_when_it_must_be_and_never_otherwise() -> None:
    named = tuple(word for words in captions.STYLE_WORDS.values() for word in words)
    assert all(any(word in text for word in named) for text in many(APPLE, "flat"))
    assert not any(re.search(r"\b(3d|flat|cartoon|line art)\b", text) for text in many(APPLE, ""))


def test_line_art_is_never_given_a_colour() -> None:
    assert not any(re.search(r"\bred\b", text) for text in many(APPLE, "line art"))


@pytest.mark.parametrize("name", [*COLOURS, "white"])
def test_a_background_is_named_some_of_the_time(name: str) -> None:
    texts = many(APPLE, "", Ground("plain", name))
    said = sum(f"{name} background" in text for text in texts)
    assert 0.15 < said / len(texts) < 0.8


def test_a_place_is_named_some_of_the_time() -> None:
    texts = many(APPLE, "", Ground("night", ""))
    assert 0.4 < sum("night" in text or "stars" in text for text in texts) / len(texts) < 0.9


@pytest.mark.parametrize(
    ("name", "several"),
    [("cat", "cats"), ("cherries", "cherries"), ("mouse", "mice"), ("bus", "buses"), ("key", "keys")],
)
def test_several_things_have_their_plural(name: str, several: str) -> None:
    assert captions.plural(name) == several


def test_several_things_are_counted() -> None:
    assert captions.counted(APPLE, 3) == "three red apples"


def test_the_article_suits_the_next_word() -> None:
    for subject in SUBJECTS:
        text = " ".join(many(subject, "3d")[:40])
        assert not re.search(r"\ba [aeio]", text.replace("a on", "")), text


def test_a_tokenizer_comes_out_the_same_every_time() -> None:
    first, again = tokenizer.learn(captions.all_words()), tokenizer.learn(captions.all_words())
    assert first.get_vocab() == again.get_vocab()


def test_every_word_of_the_captions_is_one_token() -> None:
    learnt = tokenizer.learn(captions.all_words())
    for subject in SUBJECTS:
        words = re.findall(r"[a-z]+", " ".join(subject.names))
        assert [learnt.tokenize(word) for word in words] == [[f"{word}</w>"] for word in words]


@pytest.mark.parametrize("text", ["a red apple", "zebra", "übergrößen café", "日本", "👍", "x" * 40])
def test_any_text_can_be_spelt_and_read_back(text: str) -> None:
    learnt = tokenizer.learn(captions.all_words())
    ids = learnt(text).input_ids
    assert learnt.decode(ids, skip_special_tokens=True) == text
    assert learnt.unk_token_id not in ids[1:-1]


def test_a_painted_picture_is_always_named_by_its_paint() -> None:
    random = np.random.default_rng(4)
    texts = [captions.caption(APPLE, "3d", WHITE, random, "blue") for _ in range(100)]
    assert all("blue apple" in text or "blue" in text for text in texts)
    assert not any("red" in text for text in texts)


def test_some_colours_of_things_are_never_shown_to_see_whether_the_word_alone_is_understood() -> None:
    paintable = [number for number, subject in enumerate(SUBJECTS) if subject.paintable]
    held_out = [(number, paint) for number in paintable for paint in PAINTS if scenes.held_out_paint(number, paint)]
    assert 0.05 < len(held_out) / len(paintable) / len(PAINTS) < 0.2
