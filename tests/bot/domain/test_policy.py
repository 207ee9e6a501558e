"""The policy as plain functions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.blocked_words import BlockedPhrase
from bot.domain.policy import (
    LIMIT_NAMES,
    LIMIT_RANGES,
    DailyQuotaUsed,
    GuildPolicy,
    Limits,
    ModelDenied,
    NoModelAllowed,
    NotAgeRestricted,
    Refusal,
    SizeOverLimit,
    StepsOverLimit,
    TooManyAtOnce,
    TooManyPictures,
    Usage,
    WordsBlocked,
    allowed_models,
    check_channel,
    check_model,
    check_request,
    check_words,
    choose_model,
    limits_for,
)
from engine.api import ImageSeed, LoraUse, ModelInfo, Recipe, SchedulerInfo, Size

LIMITS = Limits(pictures_per_request=2, pictures_per_day=10, pictures_at_once=4, largest_side=128, most_steps=20)
NOTHING = Usage(today=0, active=0, resets_at=500.0)
MODEL = ModelInfo(
    id="first",
    title="First",
    family="sd1",
    revision="1",
    licence="MIT",
    description="",
    sizes=(Size("square", 128, 128), Size("small", 64, 96), Size("portrait", 128, 192), Size("tiny", 64, 64)),
    size_step=8,
    min_side=64,
    max_side=256,
    steps=20,
    min_steps=1,
    max_steps=60,
    guidance_scale=4.5,
    min_guidance=1.0,
    max_guidance=15.0,
    schedulers=(SchedulerInfo("Euler"),),
    scheduler="Euler",
)
MODELS = (MODEL, replace(MODEL, id="second"), replace(MODEL, id="third"))


def recipe(images: int = 1, width: int = 128, height: int = 128, steps: int = 20) -> Recipe:
    seeds = tuple(ImageSeed(seed) for seed in range(images))
    return Recipe("first", "1", "a red apple", "", width, height, steps, 4.5, "Euler", seeds)


def ids(models: tuple[ModelInfo, ...]) -> list[str]:
    return [model.id for model in models]


def test_a_member_without_roles_has_the_guilds_limits() -> None:
    policy = GuildPolicy(LIMITS, role_limits={5: {"most_steps": 50}})
    assert limits_for(policy, frozenset()) == LIMITS
    assert limits_for(policy, {6, 7}) == LIMITS


def test_of_several_roles_the_most_generous_value_counts_for_each_limit() -> None:
    policy = GuildPolicy(
        LIMITS,
        role_limits={
            5: {"most_steps": 50, "pictures_per_day": 20},
            6: {"most_steps": 30, "pictures_per_day": 90},
            7: {"pictures_at_once": 99},
        },
    )
    assert limits_for(policy, {5, 6}) == replace(LIMITS, most_steps=50, pictures_per_day=90)


def test_a_role_may_also_be_given_less_than_everyone() -> None:
    policy = GuildPolicy(LIMITS, role_limits={5: {"pictures_per_day": 0}})
    assert limits_for(policy, {5}).pictures_per_day == 0


def test_the_guilds_default_comes_first_among_the_allowed_models() -> None:
    policy = GuildPolicy(LIMITS, denied_models=frozenset({"first"}), default_model="third")
    assert ids(allowed_models(policy, MODELS)) == ["third", "second"]
    assert choose_model(policy, MODELS).id == "third"


def test_a_denied_default_gives_way_to_the_first_allowed_model() -> None:
    policy = GuildPolicy(LIMITS, denied_models=frozenset({"first"}), default_model="first")
    assert choose_model(policy, MODELS).id == "second"


def test_with_every_model_denied_there_is_none_to_choose() -> None:
    with pytest.raises(NoModelAllowed):
        choose_model(GuildPolicy(LIMITS, denied_models=frozenset(ids(MODELS))), MODELS)


def test_a_denied_model_names_those_that_remain() -> None:
    policy = GuildPolicy(LIMITS, denied_models=frozenset({"first"}))
    check_model(policy, "second", MODELS)
    with pytest.raises(ModelDenied) as refused:
        check_model(policy, "first", MODELS)
    assert (refused.value.model, refused.value.allowed) == ("first", ("second", "third"))


def test_blocked_words_are_refused_in_what_is_drawn_and_not_in_the_negative_prompt() -> None:
    policy = GuildPolicy(LIMITS, blocked_words=(BlockedPhrase("fog"), BlockedPhrase("red apple")))
    check_words(policy, [replace(recipe(), prompt="an apple", negative_prompt="fog, red apple")])
    with pytest.raises(WordsBlocked) as refused:
        check_words(policy, [replace(recipe(), prompt="an apple"), replace(recipe(), prompt="a (red:1.2) apple")])
    assert refused.value.phrase == "red apple"


def test_a_lora_with_a_blocked_name_is_refused_wherever_it_is_named() -> None:
    policy = GuildPolicy(LIMITS, blocked_words=(BlockedPhrase("jane doe"),))
    named = replace(recipe(), negative_prompt="<lora:jane_doe_v2:1>", loras=(LoraUse("jane_doe_v2", "1", 1.0),))
    with pytest.raises(WordsBlocked):
        check_words(policy, [named])


def test_a_server_that_wants_age_restricted_channels_only_draws_nowhere_else() -> None:
    check_channel(GuildPolicy(LIMITS), age_restricted=False)
    check_channel(GuildPolicy(LIMITS, age_restricted_only=True), age_restricted=True)
    with pytest.raises(NotAgeRestricted):
        check_channel(GuildPolicy(LIMITS, age_restricted_only=True), age_restricted=False)


def test_a_request_at_every_limit_is_allowed() -> None:
    check_request(LIMITS, [(recipe(images=2), MODEL)], Usage(today=8, active=2, resets_at=500.0))


@pytest.mark.parametrize(
    ("asked", "usage", "refusal"),
    [
        (recipe(images=3), NOTHING, TooManyPictures),
        (recipe(width=136), NOTHING, SizeOverLimit),
        (recipe(height=136), NOTHING, SizeOverLimit),
        (recipe(steps=21), NOTHING, StepsOverLimit),
        (recipe(images=2), Usage(0, 3, 500.0), TooManyAtOnce),
        (recipe(images=2), Usage(9, 0, 500.0), DailyQuotaUsed),
    ],
)
def test_one_beyond_a_limit_is_refused(asked: Recipe, usage: Usage, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        check_request(LIMITS, [(asked, MODEL)], usage)


def test_recipes_asked_for_at_once_count_together() -> None:
    two = [(recipe(images=2), MODEL)] * 2
    check_request(LIMITS, two, Usage(today=6, active=0, resets_at=500.0))
    with pytest.raises(DailyQuotaUsed) as refused:
        check_request(LIMITS, two, Usage(today=7, active=0, resets_at=500.0))
    assert refused.value.asked == 4
    with pytest.raises(TooManyAtOnce):
        check_request(LIMITS, two, Usage(today=0, active=1, resets_at=500.0))


def test_a_refusal_carries_what_a_reply_needs() -> None:
    with pytest.raises(DailyQuotaUsed) as quota:
        check_request(LIMITS, [(recipe(images=2), MODEL)], Usage(9, 0, 500.0))
    assert (quota.value.asked, quota.value.used, quota.value.limit, quota.value.resets_at) == (2, 9, 10, 500.0)
    with pytest.raises(TooManyAtOnce) as active:
        check_request(LIMITS, [(recipe(images=2), MODEL)], Usage(0, 3, 500.0))
    assert (active.value.asked, active.value.active, active.value.limit) == (2, 3, 4)


def test_a_size_over_the_limit_names_the_nearest_allowed_ones_of_the_model() -> None:
    with pytest.raises(SizeOverLimit) as refused:
        check_request(LIMITS, [(recipe(width=128, height=192), MODEL)], NOTHING)
    assert refused.value.nearest == ("128x128", "64x96")


def test_every_limit_has_a_range() -> None:
    assert set(LIMIT_NAMES) == set(LIMIT_RANGES) == set(Limits.__dataclass_fields__)
    assert all(low < high for low, high in LIMIT_RANGES.values())
