"""What a member is told of limits and usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.policy import Usage
from engine.api import Fault

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio


async def test_usage_follows_a_job_from_acceptance_to_its_end(studio: Studio) -> None:
    generation = await studio.accepted(count=3)
    assert await studio.used() == (3, 3)
    await studio.end(generation.id)
    assert await studio.used() == (3, 0)
    assert await studio.used(studio.ben) == (0, 0)


async def test_pictures_that_nobody_could_judge_are_given_back(studio: Studio) -> None:
    studio.plan(faults={0: Fault.NOT_FINITE, 2: Fault.DETECTOR_HUNG})
    await studio.drawn(count=3)
    assert await studio.used() == (1, 0)


async def test_members_see_the_limits_of_their_roles_and_the_next_reset(studio: Studio) -> None:
    await studio.usecases.admin.set_limits(studio.moderator, {"pictures_per_day": 9}, role_id=5)
    limits, usage = await studio.usecases.quota.of(studio.ben)
    assert limits.pictures_per_day == 9
    midnight = studio.clock.now - studio.clock.now % 86_400 + 86_400
    assert usage == Usage(today=0, active=0, resets_at=midnight)
    limits, _ = await studio.usecases.quota.of(studio.ann)
    assert limits.pictures_per_day == 20
