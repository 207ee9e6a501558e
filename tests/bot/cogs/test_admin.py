from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from simcord.backend.errors import SetupError

from bot.delivery.progress import EDIT_EVERY_S
from bot.domain.records import JobState
from bot.texts import admin as admin_texts
from bot.texts import buttons as button_texts
from bot.texts import refusals as refusal_texts

if TYPE_CHECKING:
    from simcord.results import InteractionResult

    from tests.bot.conftest import World

COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("admin models list", {}),
    ("admin models allow", {"model": "pocket"}),
    ("admin models deny", {"model": "pocket"}),
    ("admin models default", {"model": "other"}),
    ("admin limits show", {}),
    ("admin limits set", {"pictures_per_day": 1}),
    ("admin negative set", {"words": "text"}),
    ("admin negative clear", {}),
    ("admin negative show", {}),
    ("admin previews on", {}),
    ("admin previews off", {}),
    ("admin words block", {"words": "fog"}),
    ("admin words allow", {"words": "fog"}),
    ("admin words list", {}),
    ("admin words test", {"prompt": "fog"}),
    ("admin channels age_restricted_only", {"only": "on"}),
    ("admin log", {}),
]


async def moderate(world: World, command: str, **options: Any) -> str:
    """Use a command as the moderator and return the reply, which only they see."""
    return world.refusal(await world.moderator.slash(world.channel, f"admin {command}", **options))


@pytest.mark.parametrize(("command", "options"), COMMANDS, ids=[command for command, _ in COMMANDS])
async def test_discord_hides_the_commands_from_members_without_manage_server(
    world: World, command: str, options: dict[str, Any]
) -> None:
    with pytest.raises(SetupError, match="default-member-permissions"):
        await world.ann.slash(world.channel, command, **options)


@pytest.mark.parametrize(("command", "options"), COMMANDS, ids=[command for command, _ in COMMANDS])
async def test_a_member_whom_discord_lets_through_is_refused_in_code(
    world: World, command: str, options: dict[str, Any]
) -> None:
    let_through(world)

    result = await world.ann.slash(world.channel, command, **options)

    assert world.refusal(result) == button_texts.NOT_ALLOWED["moderate"]
    policy = await world.usecases.admin.policy(world.guild.id)
    assert policy.denied_models == frozenset()
    assert policy.default_model is None
    assert policy.limits.pictures_per_day == 40
    assert policy.negative_prompt == ""
    assert policy.previews
    assert policy.blocked_words == ()
    assert not policy.age_restricted_only
    assert policy.role_limits == {}
    assert await moderate(world, "log") == admin_texts.LOG_EMPTY


async def test_a_member_whom_discord_lets_through_cannot_clear_a_roles_limits(world: World) -> None:
    await moderate(world, "limits set", most_steps=10, role=world.painters)
    let_through(world)

    result = await world.ann.slash(world.channel, "admin limits clear", role=world.painters)

    assert world.refusal(result) == button_texts.NOT_ALLOWED["moderate"]
    assert (await world.usecases.admin.policy(world.guild.id)).role_limits


async def test_autocomplete_tells_a_member_whom_discord_lets_through_nothing(world: World) -> None:
    let_through(world)

    assert await world.ann.autocomplete(world.channel, "admin models deny", "model", "") == []


async def test_autocomplete_offers_every_model_even_a_denied_one(world: World) -> None:
    await moderate(world, "models deny", model="pocket")

    choices = await world.moderator.autocomplete(world.channel, "admin models allow", "model", "")

    assert [choice["value"] for choice in choices] == ["pocket", "other"]


async def test_the_list_says_which_models_are_allowed_and_which_is_the_default(world: World) -> None:
    await moderate(world, "models deny", model="pocket")

    listing = await moderate(world, "models list")

    assert "🚫 pocket" in listing
    assert "✅ other (default)" in listing


async def test_a_denied_model_can_be_allowed_again(world: World) -> None:
    await moderate(world, "models deny", model="pocket")
    await moderate(world, "models allow", model="pocket")

    message = await world.drawn(model="pocket")

    assert message.attachments


@pytest.mark.parametrize("command", ["models allow", "models deny", "models default"])
async def test_an_unknown_model_is_named_with_the_known_ones(world: World, command: str) -> None:
    sentence = await moderate(world, command, model="sdxl")

    assert "no model called sdxl" in sentence
    assert "pocket, other" in sentence


async def test_a_denied_model_cannot_become_the_default(world: World) -> None:
    await moderate(world, "models deny", model="other")

    assert "turned off the model other" in await moderate(world, "models default", model="other")


async def test_limits_set_for_the_server_are_shown_and_hold(world: World) -> None:
    shown = await moderate(world, "limits set", pictures_per_request=2, most_steps=10)

    assert f"{admin_texts.LIMIT_OPTIONS['pictures_per_request']}: 2" in shown
    assert shown == await moderate(world, "limits show")
    assert "2 pictures in one request" in world.refusal(await world.imagine(count=3, steps=5))
    assert "Steps may be 10 at most" in world.refusal(await world.imagine(steps=11))


async def test_a_roles_limits_hold_for_its_members_only(world: World) -> None:
    await moderate(world, "limits set", pictures_per_request=1)
    shown = await moderate(world, "limits set", pictures_per_request=3, role=world.painters)

    assert world.painters.mention in shown
    assert "1 picture in one request" in world.refusal(await world.imagine(count=3, by=world.ann))
    assert (await world.delivered(await world.imagine(count=3, by=world.ben))).attachments


async def test_a_roles_limits_can_be_cleared(world: World) -> None:
    await moderate(world, "limits set", pictures_per_request=1)
    await moderate(world, "limits set", pictures_per_request=3, role=world.painters)

    await moderate(world, "limits clear", role=world.painters)

    assert "1 picture in one request" in world.refusal(await world.imagine(count=3, by=world.ben))


@pytest.mark.parametrize(
    "options", [{}, {"most_steps": 0}, {"pictures_per_request": 99}, {"largest_side": -1}, {"pictures_per_day": -5}]
)
async def test_limits_that_make_no_sense_are_refused_and_nothing_changes(world: World, options: dict[str, Any]) -> None:
    before = await moderate(world, "limits show")

    sentence = await moderate(world, "limits set", **options)

    assert "does not work for" in sentence or sentence == admin_texts.NO_LIMIT_GIVEN
    assert await moderate(world, "limits show") == before


async def test_the_servers_negative_prompt_is_in_every_new_request_until_it_is_cleared(world: World) -> None:
    assert "text, watermark" in await moderate(world, "negative set", words="text, watermark")
    assert "text, watermark" in await moderate(world, "negative show")
    assert "Without: leaves, text, watermark" in (await world.drawn(negative_prompt="leaves")).content

    await moderate(world, "negative clear")

    assert await moderate(world, "negative show") == admin_texts.NEGATIVE_NONE
    assert "Without" not in (await world.drawn()).content


async def test_a_server_without_previews_shows_pictures_when_they_are_finished(world: World) -> None:
    async def seen_half_way() -> bool:
        """Whether the message shows something after half the steps, before it has the pictures."""
        world.worker.hold(at_step=10)
        result = await world.imagine(steps=20)
        message = result.response
        assert message is not None
        await world.until(lambda: "Drawing… 50 %" in message.content)
        shown = bool(message.attachments)
        world.worker.release()
        await world.delivered(result)
        assert message.attachments
        return shown

    world.clock.tick = EDIT_EVERY_S
    assert await seen_half_way()
    assert await moderate(world, "previews off") == admin_texts.PREVIEWS_OFF
    assert not await seen_half_way()
    assert await moderate(world, "previews on") == admin_texts.PREVIEWS_ON
    assert await seen_half_way()


async def test_a_negative_prompt_with_a_lora_is_refused(world: World) -> None:
    sentence = await moderate(world, "negative set", words="text <lora:ink:1>")

    assert "belong to single prompts" in sentence
    assert await moderate(world, "negative show") == admin_texts.NEGATIVE_NONE


async def test_every_change_is_logged_with_who_and_when(world: World) -> None:
    await moderate(world, "models deny", model="pocket")
    await moderate(world, "limits set", most_steps=10)

    newest, oldest = (await moderate(world, "log")).splitlines()

    assert "deny model" in oldest
    assert "pocket" in oldest
    assert "most\\_steps = 10" in newest
    assert all(world.moderator.mention in line and line.startswith("<t:") for line in (newest, oldest))


async def test_the_log_names_a_role_as_discord_shows_it(world: World) -> None:
    await moderate(world, "limits set", most_steps=10, role=world.painters)

    assert world.painters.mention in await moderate(world, "log")


async def test_settings_survive_a_restart(world: World) -> None:
    await moderate(world, "models deny", model="pocket")

    await world.restart()

    assert "🚫 pocket" in await moderate(world, "models list")


async def test_one_servers_settings_are_not_anothers(world: World) -> None:
    await moderate(world, "models deny", model="pocket")
    elsewhere = world.env.create_guild("Elsewhere")
    channel = elsewhere.create_text_channel("art")

    result: InteractionResult = await elsewhere.add_member(world.ann.user).slash(
        channel, "imagine", prompt="a boat", model="pocket"
    )

    assert not result.ephemeral


async def test_a_denied_model_stops_the_delivery_of_what_is_already_queued(world: World) -> None:
    world.worker.hold()
    result = await world.imagine()
    assert result.response is not None
    generation_id = world.generation_id(result.response)

    await moderate(world, "models deny", model="pocket")
    world.worker.release()
    await world.settled(result)

    generation = await world.store.jobs.get(generation_id)
    assert generation is not None
    assert generation.state is JobState.WITHHELD


def let_through(world: World) -> None:
    """Open /admin to Ann in Discord's own settings, as an admin of a server can."""
    command = world.env.backend.find_command("admin", world.guild.id, type=1)
    assert command is not None
    world.guild.set_command_permissions(int(command["id"]), {world.ann: True})


async def test_where_pictures_are_drawn_follows_the_channels_age_restriction(world: World) -> None:
    assert await moderate(world, "channels age_restricted_only", only="on") == admin_texts.AGE_RESTRICTED_ONLY
    assert world.refusal(await world.imagine()) == refusal_texts.NOT_AGE_RESTRICTED

    world.restrict_channel(True)
    world.worker.hold()
    waiting = await world.imagine()
    world.restrict_channel(False)
    world.worker.release()
    message = await world.delivered(waiting)
    assert message.attachments == []
    assert refusal_texts.WITHHELD_BY_CHANNEL in message.content

    world.restrict_channel(True)
    assert (await world.drawn()).attachments

    world.restrict_channel(False)
    assert await moderate(world, "channels age_restricted_only", only="off") == admin_texts.ALL_CHANNELS
    assert (await world.drawn()).attachments
