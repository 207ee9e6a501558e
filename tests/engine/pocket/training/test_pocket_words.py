"""Subjects, captions and the tokenizer that is made from them."""

from __future__ import annotations

import re
import string

import numpy as np
import pytest

from engine.pocket.training import captions, pairs, tokenizer
from engine.pocket.training.paint import PAINTS
from engine.pocket.training.render import STYLES
from engine.pocket.training.subjects import SUBJECTS, Subject

APPLE = next(subject for subject in SUBJECTS if subject.label == "red apple")


def many(subject: Subject, style: str, background: str = "") -> list[str]:
    random = np.random.default_rng(1)
    return [captions.caption(subject, style, background, random) for _ in range(300)]


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
        assert any(name in captions.caption(subject, style, "", np.random.default_rng(2)) for name in subject.names)


def test_captions_take_the_forms_people_type() -> None:
    texts = set(many(APPLE, "3d"))
    assert {"a red apple", "red apple", "an apple"} & texts
    assert any(text.endswith("3d") for text in texts)


def test_only_the_default_style_may_go_unnamed() -> None:
    named = tuple(word for words in captions.STYLE_WORDS.values() for word in words)
    assert all(any(word in text for word in named) for text in many(APPLE, "flat"))
    assert any(not any(word in text for word in named) for text in many(APPLE, "3d"))


def test_line_art_is_never_given_a_colour() -> None:
    assert not any(re.search(r"\bred\b", text) for text in many(APPLE, "line art"))


def test_a_coloured_background_is_always_named() -> None:
    assert all(text.endswith("blue background") for text in many(APPLE, "3d", "blue"))


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
    texts = [captions.caption(APPLE, "3d", "", random, "blue") for _ in range(100)]
    assert all("blue apple" in text or "blue" in text for text in texts)
    assert not any("red" in text for text in texts)


def test_some_colours_of_things_are_never_shown_to_see_whether_the_word_alone_is_understood() -> None:
    shown = {(scene.subject, scene.paint) for scene in pairs.all_scenes() if scene.paint}
    paintable = [number for number, subject in enumerate(SUBJECTS) if subject.paintable]
    every = {(number, paint) for number in paintable for paint in PAINTS}
    assert 0.05 < len(every - shown) / len(every) < 0.2
    assert {paint for _, paint in shown} == set(PAINTS)
