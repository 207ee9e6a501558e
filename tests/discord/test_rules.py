"""Discord's own rules, as a real client meets them here. What the bot's tests show is not shown again."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import discord
import pytest
from discord.http import Route

from tests.discord.easel import Studio
from tests.discord.interactions import Answer, Kind
from tests.discord.state import Message


def file(name: str, size: int = 3) -> discord.File:
    """Return an upload."""
    return discord.File(BytesIO(name[0].encode() * size), filename=name)


def channel(studio: Studio) -> discord.PartialMessageable:
    """Return the studio's channel as the client has it."""
    place = studio.ann.guild.channels[0]
    return studio.easel.bot.get_partial_messageable(place.id, guild_id=studio.ann.guild.id)


def names(message: Message) -> list[str]:
    """Return what the files of a message are called."""
    return [each.filename for each in message.attachments]


async def call(studio: Studio, method: str, path: str, **kwargs: Any) -> Any:
    """Call a route as the client does."""
    return await studio.easel.bot.http.request(Route(method, path), **kwargs)


async def test_an_edit_keeps_all_files_unless_it_lists_those_that_stay(studio: Studio) -> None:
    sent = await channel(studio).send("three", files=[file("a.png"), file("b.png"), file("c.png")])
    message = studio.discord.state.messages[sent.id]

    await sent.edit(content="still three")
    assert names(message) == ["a.png", "b.png", "c.png"]

    edited = await sent.edit(attachments=[sent.attachments[1], file("d.png")])
    assert names(message) == ["b.png", "d.png"]
    assert [each.id for each in edited.attachments] == [each.id for each in message.attachments]

    await sent.edit(attachments=[])
    assert message.pictures == ()
    assert message.ever_shown == (b"aaa", b"bbb", b"ccc", b"ddd")


async def test_files_are_given_out_as_long_as_a_message_has_them(studio: Studio) -> None:
    sent = await channel(studio).send(file=file("a.png"))
    assert await sent.attachments[0].read() == b"aaa"

    await sent.delete()

    with pytest.raises(discord.NotFound):
        await sent.attachments[0].read()


async def test_what_is_not_there_is_unknown_by_its_own_code(studio: Studio) -> None:
    place, application = studio.ann.guild.channels[0].id, studio.discord.state.bot.id
    unknown = {
        "/channels/1/messages/1": 10003,
        f"/channels/{place}/messages/1": 10008,
        f"/webhooks/{application}/no-token/messages/@original": 10015,
        "/guilds/1": 10004,
    }
    for path, code in unknown.items():
        with pytest.raises(discord.NotFound) as refused:
            await call(studio, "GET", path)
        assert refused.value.code == code


async def test_an_interaction_is_answered_once_and_its_token_ends(studio: Studio) -> None:
    done = await studio.discord.command(studio.ann, "imagine", prompt="")
    callback = f"/interactions/{done.id}/{done.token}/callback"
    original = f"/webhooks/{studio.discord.state.bot.id}/{done.token}/messages/@original"

    with pytest.raises(discord.HTTPException) as again:
        await call(studio, "POST", callback, json={"type": Answer.DEFERRED_MESSAGE})
    with pytest.raises(discord.NotFound) as unknown:
        await call(studio, "POST", "/interactions/1/no-token/callback", json={"type": Answer.DEFERRED_MESSAGE})
    studio.discord.interactions.expire_all()
    with pytest.raises(discord.HTTPException) as late:
        await call(studio, "GET", original)

    assert (again.value.status, again.value.code) == (400, 40060)
    assert (unknown.value.status, unknown.value.code) == (404, 10062)
    assert (late.value.status, late.value.code) == (401, 50027)


async def test_what_one_member_sees_is_out_of_reach_for_the_channel(studio: Studio) -> None:
    done = await studio.discord.command(studio.ann, "imagine", prompt="")

    with pytest.raises(discord.NotFound):
        await channel(studio).fetch_message(done.message.id)
    assert (await channel(studio).send("hello")).flags.ephemeral is False


async def test_the_first_follow_up_takes_the_place_of_an_answer_that_was_put_off(studio: Studio) -> None:
    interactions = studio.discord.interactions
    started = interactions.start(studio.ann, studio.ann.guild.channels[0], Kind.COMMAND, {})
    hook = f"/webhooks/{studio.discord.state.bot.id}/{started.token}"

    await call(studio, "POST", f"/interactions/{started.id}/{started.token}/callback", json={"type": 5})
    await call(studio, "POST", hook, json={"content": "here it is"})
    await call(studio, "POST", hook, json={"content": "and more"})

    assert started.message.content == "here it is"
    assert [each.content for each in started.followups] == ["and more"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"content": ""}, 400, 50006),
        ({"content": "a" * 2001}, 400, 50035),
        ({"content": "words", "flags": 1 << 15}, 400, 50035),
        ({"components": [{"type": 1, "components": []}] * 6}, 400, 50035),
        ({"content": "words", "attachments": [{"id": "5"}]}, 400, 50035),
    ],
    ids=["empty", "long", "words with components v2", "too many rows", "an unknown file"],
)
async def test_a_message_that_breaks_a_rule_is_refused(studio: Studio, body: Any, status: int, code: int) -> None:
    place = studio.ann.guild.channels[0].id

    with pytest.raises(discord.HTTPException) as refused:
        await call(studio, "POST", f"/channels/{place}/messages", json=body)

    assert (refused.value.status, refused.value.code) == (status, code)
    assert studio.discord.state.posts() == []


async def test_a_file_may_be_as_large_as_the_server_allows(studio: Studio) -> None:
    studio.ann.guild.file_limit = 100

    await channel(studio).send(file=file("a.png", 100))
    with pytest.raises(discord.HTTPException) as refused:
        await channel(studio).send(file=file("b.png", 101))

    assert (refused.value.status, refused.value.code) == (413, 40005)


async def test_a_message_with_components_v2_shows_only_the_files_that_a_component_names(studio: Studio) -> None:
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://a.png")))
    sent = await channel(studio).send(view=view, files=[file("a.png"), file("b.png")])

    assert studio.discord.state.messages[sent.id].pictures == (b"aaa",)
    with pytest.raises(discord.HTTPException):
        await sent.edit(content="words")


async def test_the_client_knows_the_server_as_it_is(studio: Studio) -> None:
    (guild,) = studio.easel.bot.guilds

    assert (guild.name, guild.member_count) == ("Studio", 4)
    assert [role.name for role in guild.roles] == ["@everyone", "Moderators"]
    assert [(each.name, each.is_nsfw()) for each in guild.text_channels] == [("art", False), ("cellar", True)]


async def test_the_owner_can_be_written_to(studio: Studio) -> None:
    bot = studio.easel.bot
    assert bot.application is not None

    direct = await bot.create_dm(bot.application.owner)
    await direct.send("All is well.")

    assert [each.content for each in studio.discord.state.posts()] == ["All is well."]
