"""Several prompts written as one: offered with what they cost, accepted whole or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.policy import DailyQuotaUsed, Member, Refusal, TooManyAtOnce
from bot.usecases.imagine import Ask
from bot.usecases.refusals import AlreadyUnderWay, OfferOver
from bot.usecases.running_jobs import Drawing
from bot.usecases.series import MOST_OFFERS, MOST_PROMPTS, Offer
from engine.api import BadPrompt, EngineError, InvalidSize

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio


async def offered(studio: Studio, prompt: str = "{red, blue} apple", **options: Any) -> Offer:
    offer = await studio.usecases.series.offer(studio.ann, Ask(prompt, **options))
    assert offer is not None
    return offer


async def test_an_offer_says_how_many_pictures_it_takes_and_costs_nothing(studio: Studio) -> None:
    await studio.drawn(count=3)

    offer = await offered(studio, count=2)

    assert (offer.prompts, offer.pictures, offer.left_today) == (("red apple", "blue apple"), 4, 17)
    assert await studio.used() == (3, 0)


async def test_an_offer_counts_the_requests_that_come_first(studio: Studio) -> None:
    studio.worker.hold()
    running = await studio.follow_until((await studio.accepted()).id, Drawing)

    assert (await offered(studio)).ahead == 1

    studio.worker.release()
    await running


@pytest.mark.parametrize("prompt", ["a red apple", "a {red} apple", r"a \{red, blue\} apple", "a {red, blue apple"])
async def test_a_request_for_one_prompt_needs_no_offer(studio: Studio, prompt: str) -> None:
    assert await studio.usecases.series.offer(studio.ann, Ask(prompt)) is None


async def test_each_prompt_becomes_a_job_of_its_own_with_everything_else_as_asked(studio: Studio) -> None:
    offer = await offered(studio, "a {(red:1.2), blue} apple", steps=9, seed=7)

    accepted = await studio.usecases.series.accept(studio.ann, studio.place, offer.id)

    assert [each.recipe.prompt for each in accepted] == ["a (red:1.2) apple", "a blue apple"]
    assert {(each.recipe.steps, each.recipe.images[0].seed) for each in accepted} == {(9, 7)}
    assert await studio.used() == (2, 2)


async def test_a_style_goes_around_each_prompt(studio: Studio) -> None:
    studio.styles = (replace(studio.styles[0], prompt="a sketch of {prompt}, grey"),)
    await studio.reopen()
    offer = await offered(studio, "{red, blue} apple", style=studio.styles[0].name)

    accepted = await studio.usecases.series.accept(studio.ann, studio.place, offer.id)

    assert [each.recipe.prompt for each in accepted] == ["a sketch of red apple, grey", "a sketch of blue apple, grey"]


@pytest.mark.parametrize(
    ("prompt", "options", "error"),
    [
        ("{a, b, c}", {"count": 3}, TooManyAtOnce),
        ("{a, b}", {"width": 100}, InvalidSize),
        ("{a, }", {}, BadPrompt),
        ("{a, b, c, d, e}" * 2, {}, BadPrompt),
    ],
)
async def test_what_cannot_be_drawn_whole_is_refused_before_anything_is_offered(
    studio: Studio, prompt: str, options: dict[str, Any], error: type[Refusal | EngineError]
) -> None:
    with pytest.raises(error):
        await studio.usecases.series.offer(studio.ann, Ask(prompt, **options))
    assert await studio.used() == (0, 0)


async def test_all_prompts_together_must_fit_what_is_left_of_the_day(studio: Studio) -> None:
    await studio.usecases.admin.set_limits(studio.moderator, {"pictures_per_day": 3})
    await studio.drawn()
    with pytest.raises(DailyQuotaUsed) as refused:
        await offered(studio, "{a, b, c}")
    assert (refused.value.asked, refused.value.used) == (3, 1)


async def test_when_there_is_no_room_any_more_nothing_is_accepted_and_the_offer_stays(studio: Studio) -> None:
    offer = await offered(studio, "{a, b, c}", count=2)
    other = await studio.accepted(count=4)

    with pytest.raises(TooManyAtOnce):
        await studio.usecases.series.accept(studio.ann, studio.place, offer.id)
    assert await studio.used() == (4, 4)

    await studio.end(other.id)
    assert len(await studio.usecases.series.accept(studio.ann, studio.place, offer.id)) == 3


async def test_agreed_to_twice_at_once_it_is_drawn_once(studio: Studio) -> None:
    offer = await offered(studio)

    outcomes = await asyncio.gather(
        *(studio.usecases.series.accept(studio.ann, studio.place, offer.id) for _ in range(2)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [tuple, AlreadyUnderWay]
    assert await studio.used() == (2, 2)


async def test_an_offer_that_was_drawn_cannot_be_drawn_or_withdrawn_later(studio: Studio) -> None:
    offer = await offered(studio)
    for generation in await studio.usecases.series.accept(studio.ann, studio.place, offer.id):
        await studio.end(generation.id)

    with pytest.raises(AlreadyUnderWay):
        await studio.usecases.series.accept(studio.ann, studio.place, offer.id)
    with pytest.raises(AlreadyUnderWay):
        studio.usecases.series.withdraw(studio.ann, offer.id)


@pytest.mark.parametrize("other", ["ben", "ann elsewhere"])
async def test_nobody_else_can_agree_to_an_offer(studio: Studio, other: str) -> None:
    offer = await offered(studio)
    member = studio.ben if other == "ben" else Member(99, studio.ann.user_id)
    with pytest.raises(OfferOver):
        await studio.usecases.series.accept(member, studio.place, offer.id)


async def test_an_offer_ends_with_the_bot_or_when_it_is_withdrawn(studio: Studio) -> None:
    withdrawn, forgotten = await offered(studio), await offered(studio)
    studio.usecases.series.withdraw(studio.ann, withdrawn.id)
    with pytest.raises(OfferOver):
        await studio.usecases.series.accept(studio.ann, studio.place, withdrawn.id)
    await studio.reopen()
    with pytest.raises(OfferOver):
        await studio.usecases.series.accept(studio.ann, studio.place, forgotten.id)


async def test_only_the_newest_offers_are_kept(studio: Studio) -> None:
    offers = [await offered(studio) for _ in range(MOST_OFFERS + 1)]

    with pytest.raises(OfferOver):
        studio.usecases.series.withdraw(studio.ann, offers[0].id)
    studio.usecases.series.withdraw(studio.ann, offers[1].id)


async def test_braces_stand_for_a_bounded_number_of_prompts(studio: Studio) -> None:
    with pytest.raises(BadPrompt) as refused:
        await offered(studio, "{" + ", ".join(map(str, range(MOST_PROMPTS + 1))) + "} apples")
    assert (refused.value.reason, refused.value.limit) == ("permutations", MOST_PROMPTS)
