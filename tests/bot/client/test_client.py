from __future__ import annotations

import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord import app_commands

from bot.client import fingerprint
from bot.interactions.options import Option
from bot.storage.schema import DATABASE_NAME
from bot.texts import trouble as trouble_texts

if TYPE_CHECKING:
    from tests.bot.conftest import World


def syncs(world: World) -> int:
    """Return how often Discord was told of the commands."""
    return sum(request.method == "PUT" and request.path.endswith("/commands") for request in world.env.http_requests)


async def test_discord_is_told_of_the_commands_once_and_not_again_at_the_next_start(world: World) -> None:
    assert syncs(world) == 1

    await world.restart()

    assert syncs(world) == 1
    assert await world.imagine()


async def test_discord_is_told_again_when_the_commands_have_changed(world: World) -> None:
    await world.store.set_commands_hash("what an older version had")

    await world.restart()

    assert syncs(world) == 2


async def test_the_fingerprint_follows_the_commands_and_the_application(world: World) -> None:
    tree = world.bot.tree
    before = fingerprint(tree, 1)

    assert fingerprint(tree, 1) == before
    assert fingerprint(tree, 2) != before
    tree.remove_command("quota")
    assert fingerprint(tree, 1) != before


async def test_the_bot_asks_for_guilds_only_and_keeps_no_members_or_messages(world: World) -> None:
    await world.drawn()

    assert world.bot.intents == discord.Intents(guilds=True)
    assert list(world.bot.cached_messages) == []


async def test_every_message_is_sent_without_the_power_to_mention(world: World) -> None:
    parent = await world.drawn("@everyone")
    await world.delivered(await world.press(world.ben, parent, "Reroll"))
    await world.imagine("")
    await world.press(world.ann, parent, "Delete")

    bodies: list[Any] = [request.json for request in world.env.http_requests if "webhooks" in request.path]
    callbacks = [request.json for request in world.env.http_requests if request.path.endswith("/callback")]
    bodies += [callback.get("data") for callback in callbacks if callback]
    with_words = [body for body in bodies if body and "content" in body]
    assert len(with_words) >= 5
    assert all(body["allowed_mentions"]["parse"] == [] for body in with_words)


async def test_a_fault_nobody_foresaw_is_answered_with_a_reference_that_is_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.faults_are_expected = True

    @world.bot.tree.command(name="fault", description="Fails")
    async def fault(interaction: discord.Interaction[Any]) -> None:
        raise ZeroDivisionError("a detail for the log only")

    await world.bot.tree.sync()

    sentence = world.refusal(await world.ann.slash(world.channel, "fault"))

    reference = sentence.rsplit(maxsplit=1)[-1]
    assert sentence == trouble_texts.something_went_wrong(reference)
    (record,) = (record for record in caplog.records if reference in record.getMessage())
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


class Faulty(Option):
    """An option whose parser has a fault."""

    async def transform(self, interaction: discord.Interaction[Any], value: str, /) -> str:
        raise ZeroDivisionError("a detail for the log only")


async def test_a_fault_of_an_options_parser_is_answered_with_a_reference_and_logged_as_what_it_is(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.faults_are_expected = True

    @world.bot.tree.command(name="fault", description="Fails")
    async def fault(interaction: discord.Interaction[Any], what: app_commands.Transform[str, Faulty("x")]) -> None:
        raise AssertionError("nothing was parsed")

    await world.bot.tree.sync()

    sentence = world.refusal(await world.ann.slash(world.channel, "fault", what="this"))

    assert sentence == trouble_texts.something_went_wrong(sentence.rsplit(maxsplit=1)[-1])
    (record,) = (record for record in caplog.records if sentence.rsplit(maxsplit=1)[-1] in record.getMessage())
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize("press", [False, True], ids=["command", "button"])
async def test_trouble_with_the_ledger_is_told_to_the_member_and_logged(
    world: World, caplog: pytest.LogCaptureFixture, press: bool
) -> None:
    message = await world.drawn()
    world.faults_are_expected = True
    with closing(sqlite3.connect(world.data_dir / DATABASE_NAME)) as connection, connection:
        connection.execute("ALTER TABLE jobs RENAME TO gone")

    result = await (world.press(world.ann, message, "Reroll") if press else world.imagine())

    assert world.refusal(result) == trouble_texts.STORAGE_TROUBLE
    assert any(record.levelno == logging.ERROR and record.exc_info for record in caplog.records)


async def test_no_token_reaches_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await world.drawn()

    assert "simcord_interaction_" not in caplog.text


def test_the_invite_in_the_readme_asks_for_what_the_bot_does() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    (asked,) = re.findall(r"scope=bot\+applications\.commands&permissions=(\d+)", readme)

    assert discord.Permissions(int(asked)) == discord.Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        attach_files=True,
        embed_links=True,
        read_message_history=True,
    )
    assert "*Send Messages in Threads*" in readme
