"""What moderators decide, who may, and the log of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.policy import (
    LIMIT_RANGES,
    LONGEST_PHRASE,
    MOST_PHRASES,
    Member,
    ModelDenied,
    NotAgeRestricted,
    TooManyPhrases,
    WordsBlocked,
)
from bot.domain.records import JobState
from bot.texts.errors import sentence_for
from bot.usecases import Usecases
from bot.usecases.refusals import (
    BadNegativeLength,
    LimitOutOfRange,
    LorasInNegative,
    NoLimitNamed,
    NotAllowed,
    NotBlocked,
    NoWords,
    PhraseTooLong,
    UnknownLimit,
)
from engine.api import BadPrompt, UnknownModel

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio

Act = Callable[[Usecases, Member], Awaitable[Any]]

CHANGES: dict[str, Act] = {
    "allow": lambda usecases, member: usecases.admin.allow(member, "pocket"),
    "deny": lambda usecases, member: usecases.admin.deny(member, "pocket"),
    "default": lambda usecases, member: usecases.admin.set_default(member, "other"),
    "limits": lambda usecases, member: usecases.admin.set_limits(member, {"most_steps": 20}),
    "role limits": lambda usecases, member: usecases.admin.set_limits(member, {"most_steps": 20}, role_id=5),
    "negative prompt": lambda usecases, member: usecases.admin.set_negative_prompt(member, "text"),
    "previews": lambda usecases, member: usecases.admin.set_previews(member, False),
    "no negative prompt": lambda usecases, member: usecases.admin.clear_negative_prompt(member),
    "channels": lambda usecases, member: usecases.admin.set_age_restricted_only(member, True),
    "words": lambda usecases, member: usecases.admin.block_words(member, "fog"),
    "clear": lambda usecases, member: usecases.admin.clear_role_limits(member, 5),
}


async def standings(studio: Studio) -> dict[str, tuple[bool, bool]]:
    found = await studio.usecases.admin.models(11)
    return {standing.info.id: (standing.allowed, standing.default) for standing in found}


@pytest.mark.parametrize("name", CHANGES)
async def test_only_moderators_change_anything(studio: Studio, name: str) -> None:
    before = await studio.usecases.admin.policy(11)
    with pytest.raises(NotAllowed) as refused:
        await CHANGES[name](studio.usecases, studio.ann)
    assert refused.value.action == "moderate"
    assert await studio.usecases.admin.policy(11) == before
    assert await studio.usecases.admin.log(studio.moderator) == ()


@pytest.mark.parametrize("name", CHANGES)
async def test_every_change_is_logged_with_who_and_when(studio: Studio, name: str) -> None:
    await CHANGES[name](studio.usecases, studio.moderator)
    (entry,) = await studio.usecases.admin.log(studio.moderator)
    assert (entry.user_id, entry.at) == (studio.moderator.user_id, studio.clock.now)


async def test_only_moderators_read_the_log(studio: Studio) -> None:
    with pytest.raises(NotAllowed):
        await studio.usecases.admin.log(studio.ann)


async def test_the_log_says_what_was_changed(studio: Studio) -> None:
    admin = studio.usecases.admin
    await admin.deny(studio.moderator, "pocket")
    await admin.set_limits(studio.moderator, {"most_steps": 20, "pictures_per_day": 0})
    await admin.set_limits(studio.moderator, {"most_steps": 30}, role_id=5)
    assert [(entry.action, entry.details) for entry in await admin.log(studio.moderator)] == [
        ("set limits", "role 5: most_steps = 30"),
        ("set limits", "everyone: most_steps = 20, pictures_per_day = 0"),
        ("deny model", "pocket"),
    ]
    assert len(await admin.log(studio.moderator, limit=1)) == 1
    assert len(await admin.log(studio.moderator, limit=-5)) == 1


async def test_models_tell_how_they_stand(studio: Studio) -> None:
    assert await standings(studio) == {"pocket": (True, True), "other": (True, False)}
    await studio.usecases.admin.set_default(studio.moderator, "other")
    assert await standings(studio) == {"pocket": (True, False), "other": (True, True)}
    await studio.deny("other")
    assert await standings(studio) == {"pocket": (True, True), "other": (False, False)}
    await studio.deny("pocket")
    assert await standings(studio) == {"pocket": (False, False), "other": (False, False)}


async def test_a_denied_model_comes_back_when_it_is_allowed(studio: Studio) -> None:
    await studio.deny()
    with pytest.raises(ModelDenied):
        await studio.accepted(model="pocket")
    await studio.usecases.admin.allow(studio.moderator, "pocket")
    assert (await studio.accepted(model="pocket")).recipe.model == "pocket"


async def test_a_denied_model_cannot_be_the_default(studio: Studio) -> None:
    await studio.deny()
    with pytest.raises(ModelDenied):
        await studio.usecases.admin.set_default(studio.moderator, "pocket")


@pytest.mark.parametrize("name", ["allow", "deny", "set_default"])
async def test_an_unknown_model_is_refused_and_not_logged(studio: Studio, name: str) -> None:
    with pytest.raises(UnknownModel):
        await getattr(studio.usecases.admin, name)(studio.moderator, "nosuch")
    assert await studio.usecases.admin.log(studio.moderator) == ()


@pytest.mark.parametrize("name", LIMIT_RANGES)
async def test_a_limit_takes_its_range_and_nothing_else(studio: Studio, name: str) -> None:
    low, high = LIMIT_RANGES[name]
    for value in (low, high):
        policy = await studio.usecases.admin.set_limits(studio.moderator, {name: value})
        assert getattr(policy.limits, name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(LimitOutOfRange) as refused:
            await studio.usecases.admin.set_limits(studio.moderator, {name: value})
        assert (refused.value.name, refused.value.value) == (name, value)
        assert f"from {low} to {high}" in str(sentence_for(refused.value))
    assert getattr((await studio.usecases.admin.policy(11)).limits, name) == high


async def test_no_change_and_unknown_limits_are_refused_with_the_known_ones(studio: Studio) -> None:
    for changes in ({}, {"most_stairs": 5}, {"most_steps": 5, "most_stairs": 5}):
        with pytest.raises((NoLimitNamed, UnknownLimit)) as refused:
            await studio.usecases.admin.set_limits(studio.moderator, changes)
        assert "most_steps" in str(sentence_for(refused.value))
    assert (await studio.usecases.admin.policy(11)).limits.most_steps == 40


async def test_the_role_of_everyone_means_the_servers_limits(studio: Studio) -> None:
    policy = await studio.usecases.admin.set_limits(studio.moderator, {"most_steps": 20}, role_id=11)
    assert (policy.limits.most_steps, dict(policy.role_limits)) == (20, {})
    policy = await studio.usecases.admin.clear_role_limits(studio.moderator, 11)
    assert policy.limits.most_steps == 40


async def test_a_cleared_role_is_like_any_other(studio: Studio) -> None:
    await studio.usecases.admin.set_limits(studio.moderator, {"most_steps": 60}, role_id=5)
    limits, _ = await studio.usecases.quota.of(studio.ben)
    assert limits.most_steps == 60
    await studio.usecases.admin.clear_role_limits(studio.moderator, 5)
    limits, _ = await studio.usecases.quota.of(studio.ben)
    assert limits.most_steps == 40


@pytest.mark.parametrize("words", ["", " , ", "x" * 301, "text <lora:ink:1>"])
async def test_words_that_no_negative_prompt_can_hold_are_refused_and_not_logged(studio: Studio, words: str) -> None:
    with pytest.raises((BadNegativeLength, LorasInNegative)):
        await studio.usecases.admin.set_negative_prompt(studio.moderator, words)
    assert (await studio.usecases.admin.policy(11)).negative_prompt == ""
    assert await studio.usecases.admin.log(studio.moderator) == ()


async def test_the_servers_negative_prompt_is_logged_and_stays_in_its_server(studio: Studio) -> None:
    admin = studio.usecases.admin
    await admin.set_negative_prompt(studio.moderator, "text")
    await admin.set_default(studio.moderator, "other")
    await studio.reopen()
    admin = studio.usecases.admin
    assert (await admin.policy(11)).negative_prompt == "text"
    assert (await admin.policy(12)).negative_prompt == ""
    await admin.clear_negative_prompt(studio.moderator)
    assert [entry.details for entry in await admin.log(studio.moderator)] == ["none", "other", "text"]


async def test_only_moderators_allow_words_again(studio: Studio) -> None:
    await studio.usecases.admin.block_words(studio.moderator, "fog")
    with pytest.raises(NotAllowed):
        await studio.usecases.admin.allow_words(studio.ann, "fog")
    assert await blocked(studio) == ["fog"]


async def block(studio: Studio, words: str, forms: bool = True) -> list[str]:
    return [phrase.text for phrase in await studio.usecases.admin.block_words(studio.moderator, words, forms)]


async def blocked(studio: Studio, guild_id: int = 11) -> list[str]:
    return [phrase.text for phrase in (await studio.usecases.admin.policy(guild_id)).blocked_words]


async def test_blocked_words_are_refused_in_their_server_until_they_are_allowed(studio: Studio) -> None:
    assert await block(studio, "  Red   Apple, ") == ["Red Apple"]
    await studio.reopen()
    admin = studio.usecases.admin
    with pytest.raises(WordsBlocked) as refused:
        await studio.accepted("a red apple")
    assert refused.value.phrase == "Red Apple"
    assert await studio.used() == (0, 0)
    assert await blocked(studio, 12) == []

    assert [phrase.text for phrase in await admin.allow_words(studio.moderator, "red-apple")] == ["Red Apple"]
    await studio.accepted("a red apple")
    assert [(entry.action, entry.details) for entry in await admin.log(studio.moderator)] == [
        ("allow words", "Red Apple"),
        ("block words", "Red Apple"),
    ]


async def test_several_phrases_are_blocked_and_allowed_at_once_and_quotes_keep_one_whole(studio: Studio) -> None:
    assert await block(studio, 'banana, cherry, "red, fox"') == ["banana", "cherry", "red, fox"]
    for prompt in ("a banana", "cherries", "red fox"):
        with pytest.raises(WordsBlocked):
            await studio.accepted(prompt)

    await studio.usecases.admin.allow_words(studio.moderator, "cherry, banana")
    await studio.usecases.admin.allow_words(studio.moderator, "red, fox")
    assert await blocked(studio) == []


async def test_of_several_phrases_all_are_blocked_or_none(studio: Studio) -> None:
    with pytest.raises(NoWords):
        await block(studio, "banana, ?!")
    await block(studio, ",".join(f"word {number}" for number in range(MOST_PHRASES - 1)))
    with pytest.raises(TooManyPhrases):
        await block(studio, "banana, cherry")
    assert "banana" not in await blocked(studio)


async def test_a_phrase_is_blocked_exactly_or_with_its_plurals_and_the_last_choice_counts(studio: Studio) -> None:
    await block(studio, "banana", forms=False)
    await studio.accepted("two bananas")
    await block(studio, "BANANA")
    assert await blocked(studio) == ["banana"]
    with pytest.raises(WordsBlocked):
        await studio.accepted("two bananas")


async def test_a_prompt_is_tested_without_being_drawn(studio: Studio) -> None:
    admin = studio.usecases.admin
    await block(studio, "red apple")
    assert await admin.test_words(studio.moderator, "(RED:1.2)-apples") == "red apple"
    assert await admin.test_words(studio.moderator, "a green apple") is None
    with pytest.raises(NotAllowed):
        await admin.test_words(studio.ann, "a green apple")
    with pytest.raises(BadPrompt):
        await admin.test_words(studio.moderator, "x" * 4001)
    assert await studio.used() == (0, 0)


async def test_words_blocked_while_a_job_waits_withhold_its_pictures(studio: Studio) -> None:
    generation = await studio.drawn("a red apple")
    await block(studio, "apple")
    with pytest.raises(WordsBlocked):
        await studio.usecases.deliver.prepare(generation.id)
    assert (await studio.get(generation.id)).state is JobState.WITHHELD


async def test_a_picture_with_words_blocked_since_is_not_shown_again(studio: Studio) -> None:
    generation = await studio.drawn("a red apple")
    await studio.usecases.deliver.delivered(generation, 555)
    await block(studio, "apple")
    with pytest.raises(WordsBlocked):
        await studio.usecases.deliver.show(studio.ann, generation.id, 0)


async def test_only_age_restricted_channels_are_drawn_in_when_moderators_say_so(studio: Studio) -> None:
    admin = studio.usecases.admin
    inside = replace(studio.ann, age_restricted=True)
    await admin.set_age_restricted_only(studio.moderator, True)
    with pytest.raises(NotAgeRestricted):
        await studio.accepted()
    assert await studio.used() == (0, 0)
    await studio.accepted(by=inside)

    await admin.set_age_restricted_only(studio.moderator, False)
    await studio.accepted()
    assert [(entry.action, entry.details) for entry in await admin.log(studio.moderator)] == [
        ("age-restricted channels only", "off"),
        ("age-restricted channels only", "on"),
    ]
    with pytest.raises(NotAllowed):
        await admin.set_age_restricted_only(studio.ann, True)


async def test_the_channels_flag_of_the_moment_counts_at_each_click_and_at_delivery(studio: Studio) -> None:
    async def restricted() -> bool:
        return True

    inside = replace(studio.ann, age_restricted=True)
    await studio.usecases.admin.set_age_restricted_only(studio.moderator, True)
    generation = await studio.drawn(by=inside)
    other = await studio.drawn(by=inside)

    assert (await studio.usecases.deliver.prepare(generation.id, restricted)).pictures
    await studio.usecases.deliver.delivered(generation, 555)
    await studio.usecases.deliver.show(inside, generation.id, 0)
    with pytest.raises(NotAgeRestricted):
        await studio.usecases.deliver.show(studio.ann, generation.id, 0)
    with pytest.raises(NotAgeRestricted):
        await studio.usecases.variations.reroll(studio.ann, studio.place, generation.id)
    with pytest.raises(NotAgeRestricted):
        await studio.usecases.deliver.prepare(other.id)
    assert (await studio.get(other.id)).state is JobState.WITHHELD


async def test_a_phrase_that_is_blocked_already_stays_as_it_is_however_it_is_written(studio: Studio) -> None:
    assert await block(studio, "Café noir") == ["Café noir"]
    assert await block(studio, "CAFE-NOIR") == ["Café noir"]
    assert await blocked(studio) == ["Café noir"]
    assert len(await studio.usecases.admin.log(studio.moderator)) == 1


async def test_words_that_are_not_blocked_cannot_be_allowed_and_nothing_is_logged(studio: Studio) -> None:
    await block(studio, "red apple")
    with pytest.raises(NotBlocked) as refused:
        await studio.usecases.admin.allow_words(studio.moderator, "apple")
    assert refused.value.phrase == "apple"
    assert len(await studio.usecases.admin.log(studio.moderator)) == 1


@pytest.mark.parametrize("words", ["", " , ", "?!", "\u200b", "x" * (LONGEST_PHRASE + 1)])
async def test_phrases_without_a_word_or_too_long_are_refused_and_not_logged(studio: Studio, words: str) -> None:
    with pytest.raises((NoWords, PhraseTooLong)) as refused:
        await block(studio, words)
    assert sentence_for(refused.value)
    assert await blocked(studio) == []
    assert await studio.usecases.admin.log(studio.moderator) == ()


async def test_a_phrase_may_be_as_long_as_the_bound_and_one_character_short(studio: Studio) -> None:
    await block(studio, "x" * LONGEST_PHRASE)
    await block(studio, "y")
    assert await blocked(studio) == ["x" * LONGEST_PHRASE, "y"]


async def test_a_server_blocks_no_more_phrases_than_the_bound(studio: Studio) -> None:
    await block(studio, ",".join(f"word {number}" for number in range(MOST_PHRASES)))
    with pytest.raises(TooManyPhrases) as refused:
        await block(studio, "one more")
    assert refused.value.limit == MOST_PHRASES == len(await blocked(studio))

    await studio.usecases.admin.allow_words(studio.moderator, "word 0")
    await block(studio, "one more")
    assert "one more" in await blocked(studio)
