from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator

import pytest

from bot.domain import policy
from bot.domain.policy import DailyQuotaUsed, Refusal
from bot.interactions.errors import WrongValue
from bot.texts import admin as admin_texts
from bot.texts import buttons as button_texts
from bot.texts import errors, phrases
from bot.texts import faults as fault_texts
from bot.usecases import refusals
from engine.api import BadPrompt, EngineError, Fault, InputNotJudged, OutOfRange, WorkerDied, error_classes

REASONS = ("empty", "too_long", "unreadable", "forbidden", "permutations")
EXAMPLES: dict[object, object] = {
    str: "pocket",
    int: 3,
    bool: True,
    float: 4.0,
    Fault: Fault.DETECTOR_BROKE,
    tuple[str, ...]: ("one", "two"),
}


def refusal_classes(root: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for cls in root.__subclasses__():
        yield cls
        yield from refusal_classes(cls)


def example(cls: type[Exception]) -> Exception:
    """Return an error of the class with a plausible value in each field."""
    hints = typing.get_type_hints(cls)
    values = {field.name: EXAMPLES[hints[field.name]] for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if cls is refusals.NotAllowed:
        values["action"] = "delete"
    return cls(**values)


ENGINE_ERRORS = sorted(error_classes().values(), key=lambda cls: cls.__name__)
REFUSALS = sorted(refusal_classes(), key=lambda cls: cls.__name__)


def test_the_trees_are_not_empty() -> None:
    assert WorkerDied in ENGINE_ERRORS
    assert {policy.ModelDenied, refusals.AlreadyUnderWay} <= set(REFUSALS)


@pytest.mark.parametrize("cls", [*ENGINE_ERRORS, *REFUSALS], ids=lambda cls: cls.__name__)
def test_every_foreseen_error_has_a_sentence_that_fits_a_message(cls: type[Exception]) -> None:
    error = example(cls) if dataclasses.is_dataclass(cls) else cls()

    sentence = errors.sentence_for(error)

    assert sentence is not None, f"{cls.__name__} has no reply in bot.texts.cards.REPLIES"
    assert sentence.rstrip()[-1] in ".!?"
    assert len(sentence) <= phrases.MESSAGE_LENGTH


@pytest.mark.parametrize("action", ["delete", "cancel", "moderate"])
def test_every_action_that_can_be_refused_has_its_own_sentence(action: str) -> None:
    assert errors.sentence_for(refusals.NotAllowed(action)) == button_texts.NOT_ALLOWED[action]


def test_the_reasons_of_a_bad_prompt_are_told_apart() -> None:
    said = {errors.sentence_for(BadPrompt(reason, 4000, 1000)) for reason in REASONS}

    assert len(said) == len(REASONS)


@pytest.mark.parametrize(("number", "count"), [(1, 1), (2, 2), (1, 4), (3, 4)])
def test_each_fault_of_a_review_has_a_short_sentence_of_its_own_that_accuses_nobody(number: int, count: int) -> None:
    said = [fault_texts.missing(fault, number, count) for fault in Fault]

    assert len(set(said)) == len(Fault)
    for sentence in said:
        assert sentence.rstrip()[-1] == "."
        assert len(sentence) <= 220
        assert "Reroll" in sentence
        assert "held back" not in sentence


@pytest.mark.parametrize("fault", [Fault.NOT_FINITE, Fault.ONE_COLOUR])
def test_a_picture_that_the_model_spoilt_is_not_said_of_the_safety_check_and_says_what_may_help(fault: Fault) -> None:
    sentence = fault_texts.missing(fault, 2, 2)

    assert "afety" not in sentence
    assert "Another seed, size or scheduler may help" in sentence


def test_an_input_that_could_not_be_judged_is_told_by_its_fault_and_as_no_accusation() -> None:
    said = {errors.sentence_for(InputNotJudged(fault, "secret")) for fault in Fault}

    assert len(said) == 2
    assert not any("held back" in str(sentence) or "secret" in str(sentence) for sentence in said)


@pytest.mark.parametrize("part", ["prompt", "negative prompt", "whole prompt", "whole negative prompt"])
def test_what_was_too_long_is_named_and_what_was_made_of_it_told_from_what_was_typed(part: str) -> None:
    sentence = errors.sentence_for(BadPrompt("too_long", 6100, 6000, part))

    assert sentence is not None
    assert part.removeprefix("whole ") in sentence
    assert ("style" in sentence) is part.startswith("whole")
    assert "6100" in sentence


def test_a_negative_prompt_that_is_forbidden_beside_its_prompt_is_named() -> None:
    assert "negative prompt" in str(errors.sentence_for(BadPrompt("forbidden", part="negative prompt")))


def test_numbers_are_said_as_they_were_typed() -> None:
    sentence = errors.sentence_for(OutOfRange("steps", 12345678, 1, 60))

    assert sentence == "Steps must be between 1 and 60, not 12345678."


def test_a_member_to_whom_drawing_is_closed_is_not_told_to_wait() -> None:
    sentence = errors.sentence_for(DailyQuotaUsed(asked=1, used=0, limit=0, resets_at=0.0))

    assert sentence is not None
    assert "not open to you" in sentence
    assert "<t:" not in sentence


def test_a_missing_value_is_answered_with_what_to_do_alone() -> None:
    assert WrongValue("limits", "", admin_texts.NO_LIMIT_GIVEN).sentence == admin_texts.NO_LIMIT_GIVEN


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (refusals.BadNegativeLength(300), "Write 1 to 300 characters."),
        (
            refusals.LorasInNegative("text <lora:ink:1>"),
            "“text <lora:ink:1>” does not work for words. Leave <lora:…> tags out: they belong to single prompts.",
        ),
        (refusals.NoWords(""), "Write words or phrases that are not to be drawn."),
        (refusals.NoWords("?!"), "“?!” does not work for words. Write words or phrases that are not to be drawn."),
        (
            refusals.PhraseTooLong("xxx", 2),
            "“xxx” does not work for words. A phrase may have 2 characters; please shorten it.",
        ),
        (refusals.NoLimitNamed(("most_steps", "largest_side")), "Name at least one of: most_steps, largest_side."),
        (
            refusals.UnknownLimit("most stairs", ("most_steps", "largest_side")),
            "“most stairs” does not work for limits. Choose among: most_steps, largest_side.",
        ),
        (
            refusals.LimitOutOfRange("most_steps", 0, 1, 60),
            "“0” does not work for most steps. Choose a number from 1 to 60.",
        ),
    ],
)
def test_moderators_are_told_what_a_setting_may_be(refusal: Refusal, sentence: str) -> None:
    said = str(errors.sentence_for(refusal))

    assert said.replace("\\", "").replace("\u200b", "") == sentence


def test_an_error_nobody_foresaw_has_no_sentence() -> None:
    class Surprise(EngineError):
        """Not in the tree that was foreseen."""

    assert errors.sentence_for(ValueError("secret path")) is None
    assert errors.sentence_for(Surprise()) is None


def test_what_members_typed_is_inert_in_the_sentences_about_it() -> None:
    sentence = WrongValue("seed", "@everyone **x**", "A seed is a number.").sentence

    assert "@everyone" not in sentence
    assert "**x**" not in sentence
