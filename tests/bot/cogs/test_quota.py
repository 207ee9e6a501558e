from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bot.conftest import World


async def test_a_member_sees_what_is_used_what_is_left_and_when_it_starts_again(world: World) -> None:
    await world.drawn(count=3)

    reply = world.refusal(await world.ann.slash(world.channel, "quota"))

    assert "3 of 40 pictures used, 37 left" in reply
    assert "<t:" in reply
    assert "Under way: 0 of 8" in reply
    assert "up to 40 steps" in reply


async def test_pictures_under_way_are_counted(world: World) -> None:
    world.worker.hold()
    await world.imagine(count=2)

    reply = world.refusal(await world.ann.slash(world.channel, "quota"))

    assert "Under way: 2 of 8" in reply
    world.worker.release()


async def test_a_member_sees_the_limits_of_their_roles(world: World) -> None:
    await world.moderator.slash(world.channel, "admin limits set", pictures_per_day=99, role=world.painters)

    assert "of 99 pictures" in world.refusal(await world.ben.slash(world.channel, "quota"))
    assert "of 40 pictures" in world.refusal(await world.ann.slash(world.channel, "quota"))
