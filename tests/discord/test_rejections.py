"""Each error of Discord has one remedy, by its code; what is not in the table is told by its HTTP status."""

from __future__ import annotations

import discord
import pytest

from bot.interactions.rejections import CODES, NOT_TAKEN, Remedy, remedy_for
from tests.discord.easel import Studio
from tests.discord.test_rules import channel


async def refused(studio: Studio, status: int, code: int) -> BaseException:
    """Return what the client makes of an error of Discord."""
    studio.discord.fail("POST", "/channels/*/messages", status, code, times=5)
    with pytest.raises(NOT_TAKEN) as caught:
        await channel(studio).send("hello")
    studio.discord.lift_all()
    return caught.value


async def test_the_code_decides_whatever_the_status_is(studio: Studio) -> None:
    for code, remedy in CODES.items():
        for status in (400, 403):
            error = await refused(studio, status, code)
            assert isinstance(error, discord.HTTPException)
            assert (error.code, remedy_for(error)) == (code, remedy)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, Remedy.PLAINER),
        (401, Remedy.CHANNEL),
        (403, Remedy.ELSEWHERE),
        (404, Remedy.ELSEWHERE),
        (409, Remedy.AGAIN),
        (413, Remedy.SMALLER),
        (500, Remedy.AGAIN),
        (503, Remedy.AGAIN),
    ],
)
async def test_a_code_that_is_in_no_table_is_judged_by_its_status(studio: Studio, status: int, remedy: Remedy) -> None:
    assert remedy_for(await refused(studio, status, 0)) is remedy


async def test_no_answer_at_all_may_be_one_that_is_lost(studio: Studio) -> None:
    studio.discord.drop("POST", "/channels/*/messages")

    with pytest.raises(NOT_TAKEN) as caught:
        await channel(studio).send("hello")

    assert remedy_for(caught.value) is Remedy.AGAIN
