from __future__ import annotations

import json

import pytest

from engine.api import (
    BadInput,
    BadPrompt,
    DeadlinePassed,
    EngineError,
    EngineStopped,
    Fault,
    GenerationFailed,
    InputNotJudged,
    InputWithheld,
    InvalidSize,
    LoraOfOtherFamily,
    LoraUnavailable,
    ModelUnavailable,
    NotHereYet,
    NotKept,
    OutOfRange,
    SafetyUnavailable,
    TooBusy,
    UnknownInversion,
    UnknownLora,
    UnknownModel,
    UnknownScheduler,
    UnknownUpscaler,
    UpscalerUnavailable,
    WorkerDied,
    WorkerReplaced,
    error_classes,
    error_from_data,
)

ONE_OF_EACH: list[EngineError] = [
    UnknownModel("nope", ("pocket", "sd15")),
    UnknownScheduler("Fast", ("Euler", "DDIM")),
    UnknownInversion("toy", ("cat-toy",)),
    UnknownLora("ink", ("pixel",)),
    LoraOfOtherFamily("ink", "sdxl", "sd1"),
    LoraUnavailable("ink", "ink.safetensors cannot be read"),
    UnknownUpscaler("crisp", ("sharp",)),
    UpscalerUnavailable("crisp", "it has no tensor conv_last.weight"),
    NotHereYet("LoRA", "ink"),
    InvalidSize(100, 128, ("128x128", "128x192")),
    OutOfRange("steps", 900, 1, 60),
    BadPrompt("too_long", 4000, 1000),
    BadInput("too_large", 20 * 2**20),
    InputWithheld(),
    InputNotJudged(Fault.DETECTOR_BROKE, "checker: RuntimeError: broken"),
    TooBusy(12.5),
    SafetyUnavailable("the planted picture was allowed"),
    ModelUnavailable("pocket", "a file is damaged"),
    EngineStopped(),
    WorkerDied("cpu-0"),
    WorkerReplaced("cpu-0"),
    GenerationFailed("out of memory"),
    NotKept(),
    DeadlinePassed(),
]
REASONS = ("empty", "too_long", "unreadable", "forbidden", "permutations")
RETRYABLE = {"worker_died", "worker_replaced", "engine_stopped"}


def test_every_error_class_has_an_example_here() -> None:
    assert {error.code: type(error) for error in ONE_OF_EACH} == error_classes()


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: error.code)
def test_an_error_survives_as_code_and_data(error: EngineError) -> None:
    data = json.loads(json.dumps(error.to_data()))
    again = error_from_data(error.code, data)
    assert type(again) is type(error)
    assert again.to_data() == error.to_data()
    assert str(again) == str(error)


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: error.code)
def test_an_error_is_one_sentence_for_people(error: EngineError) -> None:
    sentence = str(error)
    assert sentence[0].isupper() or sentence[0].isdigit() or sentence.startswith("steps")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_codes_are_unique() -> None:
    assert len({type(error).code for error in ONE_OF_EACH}) == len(ONE_OF_EACH)


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: error.code)
def test_only_what_may_succeed_next_time_is_retryable(error: EngineError) -> None:
    assert error.retryable is (error.code in RETRYABLE)


def test_an_unknown_code_is_an_error() -> None:
    with pytest.raises(KeyError):
        error_from_data("from_the_future", {})


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_against_a_prompt_has_its_own_sentence(reason: str) -> None:
    others = {str(BadPrompt(other)) for other in REASONS if other != reason}
    assert str(BadPrompt(reason)) not in others
