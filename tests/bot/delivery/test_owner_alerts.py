"""The owner hears of troubles in a direct message: once when one begins, once when all is well again; and of news."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import discord
import pytest

from bot.delivery.owner_alerts import LOOK_EVERY_S
from bot.texts import notices as texts
from bot.texts import refusals as texts_for_members
from bot.texts.phrases import MESSAGE_LENGTH
from bot.usecases.watch import CALM_LOOKS, QUIET_LOOKS
from engine.api import Fault, ModelUnavailable, Trouble
from engine.executors.fake import FakePlan

if TYPE_CHECKING:
    from simcord.builders import UserHandle

    from tests.bot.conftest import World

PAUSED = Trouble("worker cuda0-0", "The worker cuda0-0 is paused: it ended 3 times in a row while drawing.")
UNFIT = Trouble("worker cuda1-0", "The safety checker failed its test.")


@pytest.fixture
def owner(world: World) -> UserHandle:
    """A human who owns the application, which in simcord belongs to the bot itself."""
    owner = world.env.create_user("owner")
    assert world.bot.application is not None
    world.bot.application.owner = discord.Object(owner.id)  # type: ignore[assignment]
    return owner


async def after_looks(world: World, count: int = 1) -> None:
    await world.env.advance_time(count * LOOK_EVERY_S)


def told(owner: UserHandle) -> list[str]:
    return [message.content for message in owner.dm_channel.history()]


async def test_the_owner_hears_once_of_a_trouble_and_once_that_all_is_well_again(
    world: World, owner: UserHandle
) -> None:
    world.engine.troubles = (PAUSED,)
    await after_looks(world, 3 * QUIET_LOOKS)
    (trouble,) = told(owner)
    assert "cuda0-0 is paused" in trouble

    world.engine.troubles = ()
    await after_looks(world, CALM_LOOKS - 1)
    assert told(owner) == [trouble]
    await after_looks(world, 3 * CALM_LOOKS)
    assert told(owner) == [trouble, texts.ALL_WELL]


async def test_a_trouble_that_comes_and_goes_is_one(world: World, owner: UserHandle) -> None:
    for _ in range(4):
        world.engine.troubles = (PAUSED,)
        await after_looks(world, QUIET_LOOKS)
        world.engine.troubles = ()
        await after_looks(world, CALM_LOOKS // 2)
    assert len(told(owner)) == 1


async def test_a_second_trouble_is_told_too_but_not_at_once(world: World, owner: UserHandle) -> None:
    world.engine.troubles = (PAUSED,)
    await after_looks(world)
    world.engine.troubles = (PAUSED, UNFIT)
    await after_looks(world, QUIET_LOOKS - 1)
    assert len(told(owner)) == 1
    await after_looks(world, 3 * QUIET_LOOKS)
    _, second = told(owner)
    assert "safety checker" in second
    assert "cuda0-0" not in second


async def test_all_is_well_only_when_no_trouble_is_left(world: World, owner: UserHandle) -> None:
    world.engine.troubles = (PAUSED, UNFIT)
    await after_looks(world)
    world.engine.troubles = (UNFIT,)
    await after_looks(world, 2 * CALM_LOOKS)
    assert len(told(owner)) == 1


async def test_a_model_that_cannot_be_loaded_is_told_with_the_workers_reason(world: World, owner: UserHandle) -> None:
    world.worker.plan = lambda request: FakePlan(fail=ModelUnavailable("pocket", "a tensor is missing"))
    world.faults_are_expected = True
    await world.settled(await world.imagine())
    await after_looks(world)
    (trouble,) = told(owner)
    assert "a tensor is missing" in trouble


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.DETECTOR_BROKE, "A safety detector broke on the worker fake-0 over a picture of the model 'pocket'"),
        (Fault.DETECTOR_HUNG, "A safety detector hung over a picture of the model 'pocket', so the worker fake-0 is"),
        (Fault.NOT_FINITE, "The model 'pocket' drew a picture that is not finite (NaN)"),
        (Fault.ONE_COLOUR, "The model 'pocket' drew a picture all of one colour"),
    ],
)
async def test_the_owner_hears_of_each_fault_of_a_review_once_and_when_pictures_are_judged_again(
    world: World, owner: UserHandle, fault: Fault, said: str
) -> None:
    world.faults_are_expected = True
    world.worker.plan = lambda request: FakePlan(faults=dict.fromkeys(range(4), fault))
    for _ in range(2):
        await world.drawn(count=4)
        await after_looks(world, QUIET_LOOKS)
    (trouble,) = told(owner)
    assert said in trouble.replace("\\", "").replace("\u200b", "")

    world.worker.plan = lambda request: FakePlan()
    await world.drawn()
    await after_looks(world, 3 * CALM_LOOKS)
    assert told(owner) == [trouble, texts.ALL_WELL]


async def test_the_owner_hears_once_of_files_that_moved_to_the_quarantine(world: World, owner: UserHandle) -> None:
    stray = world.data_dir / "pictures" / "00" / ("0" * 64)
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"left by a stop")
    await world.store.forget_pictures(86_400)
    await after_looks(world, 3 * QUIET_LOOKS)
    (news,) = told(owner)
    assert "1 file that no record knows moved to" in news
    assert news.replace("\\", "").count(str(world.data_dir / "quarantine")) == 1


async def test_member_and_owner_hear_that_nothing_can_be_saved_and_the_owner_when_it_can(
    world: World, owner: UserHandle
) -> None:
    world.faults_are_expected = True
    pictures = world.data_dir / "pictures"
    pictures.write_text("a file where the folder should be")
    asked = await world.imagine()
    await world.settled(asked)
    assert asked.response is not None
    assert texts_for_members.NOT_KEPT in asked.response.content
    await after_looks(world)
    (trouble,) = told(owner)
    assert "Check its permissions and for free disk space" in trouble

    pictures.unlink()
    assert (await world.drawn()).attachments
    await after_looks(world, 3 * CALM_LOOKS)
    assert told(owner) == [trouble, texts.ALL_WELL]


async def test_a_team_is_told_through_its_owner(world: World, owner: UserHandle) -> None:
    boss = world.env.create_user("boss")
    assert world.bot.application is not None
    data: Any = {"id": "1", "name": "team", "icon": None, "owner_user_id": str(boss.id), "members": []}
    world.bot.application.team = discord.Team(world.bot._connection, data)
    world.engine.troubles = (PAUSED,)
    await after_looks(world)
    assert len(told(boss)) == 1
    assert told(owner) == []


async def test_an_owner_who_takes_no_messages_is_a_line_in_the_log_and_the_bot_goes_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    # The application belongs to the bot itself here, and Discord lets nobody write to a bot.
    world.engine.troubles = (PAUSED,)
    await after_looks(world, 2 * QUIET_LOOKS)
    lines = [record for record in caplog.records if record.name == "bot.delivery.owner_alerts"]
    assert [record.levelno for record in lines] == [logging.WARNING]
    assert "cuda0-0 is paused" in lines[0].getMessage()
    assert (await world.drawn()).attachments


def test_any_amount_of_news_fits_a_message() -> None:
    assert len(texts.news(["it moved " * 60] * 50)) <= MESSAGE_LENGTH


def test_any_number_of_troubles_fits_a_message() -> None:
    text = texts.trouble([f"The model 'm{number}' could not be pulled: {'no room ' * 60}." for number in range(50)])
    assert len(text) <= MESSAGE_LENGTH
    assert "m0" in text
    assert text.endswith("once all is well.")
