"""Who is asking, read from the interaction at every call."""

from __future__ import annotations

import discord

from bot.domain.policy import Member
from bot.domain.records import InteractionKey, Place
from bot.usecases.refusals import NotAllowed


def member_of(interaction: discord.Interaction) -> Member:
    """Return the member behind an interaction of a guild.

    Raises:
        discord.app_commands.NoPrivateMessage: it comes from a direct message.
    """
    if interaction.guild_id is None or not isinstance(interaction.user, discord.Member):
        raise discord.app_commands.NoPrivateMessage
    permissions = interaction.permissions
    return Member(
        guild_id=interaction.guild_id,
        user_id=interaction.user.id,
        role_ids=frozenset(role.id for role in interaction.user.roles),
        may_moderate=permissions.manage_guild or permissions.administrator,
        age_restricted=is_age_restricted(interaction.channel),
    )


def is_age_restricted(channel: object) -> bool:
    """Return whether Discord says that a channel is age-restricted; a thread is what its parent is."""
    is_nsfw = getattr(channel, "is_nsfw", None)
    return bool(is_nsfw and is_nsfw())


def moderator_of(interaction: discord.Interaction) -> Member:
    """Return the member behind an interaction, if they may change the guild's settings.

    A server's admins can open a command to anyone in Discord's own settings, so this is asked in code.

    Raises:
        NotAllowed: they lack Manage Server.
    """
    member = member_of(interaction)
    if not member.may_moderate:
        raise NotAllowed("moderate")
    return member


def place_of(interaction: discord.Interaction, *, is_answer: bool = True) -> Place:
    """Return where an interaction of a guild happened, with the key to its answer.

    Args:
        is_answer: whether the message to come is that answer, and not one that follows it.

    Raises:
        discord.app_commands.NoPrivateMessage: it comes from a direct message.
    """
    if interaction.guild_id is None or interaction.channel_id is None:
        raise discord.app_commands.NoPrivateMessage
    return Place(interaction.guild_id, interaction.channel_id, key_of(interaction, is_answer=is_answer))


def key_of(interaction: discord.Interaction, *, is_answer: bool = True) -> InteractionKey:
    """Return what opens the answer to an interaction."""
    return InteractionKey(interaction.id, interaction.token, is_answer)
