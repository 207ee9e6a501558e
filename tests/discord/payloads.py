"""The JSON in which Discord tells of what it knows."""

from __future__ import annotations

import discord

from tests.discord.state import Message, State
from tests.discord.values import (
    EPHEMERAL,
    TEXT_CHANNEL,
    Attachment,
    Channel,
    Guild,
    Json,
    Member,
    Role,
    User,
)

JOINED = "2026-01-01T00:00:00+00:00"


class Payloads:
    """Writes them.

    Args:
        state: what there is.
        address: of the server that gives out the files.
    """

    def __init__(self, state: State, address: str) -> None:
        self._state = state
        self._address = address

    def user(self, user: User) -> Json:
        """Return an account."""
        return {"id": str(user.id), "username": user.name, "discriminator": "0", "avatar": None, "bot": user.is_bot}

    def member(self, member: Member, *, with_permissions: bool = False) -> Json:
        """Return a member; what they may do is only told with an interaction."""
        payload: Json = {
            "user": self.user(member.user),
            "roles": [str(role.id) for role in member.roles],
            "joined_at": JOINED,
            "deaf": False,
            "mute": False,
            "flags": 0,
        }
        return payload | ({"permissions": str(member.permissions)} if with_permissions else {})

    def role(self, role: Role, position: int) -> Json:
        """Return a role."""
        return {
            "id": str(role.id),
            "name": role.name,
            "permissions": str(role.permissions),
            "position": position,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }

    def channel(self, channel: Channel) -> Json:
        """Return a channel."""
        payload: Json = {"id": str(channel.id), "type": channel.kind, "last_message_id": None, "flags": 0}
        if channel.parent_id is not None:
            return payload | self._of_thread(channel)
        if channel.kind != TEXT_CHANNEL:
            return payload | {"recipients": []}
        return payload | {
            "guild_id": str(channel.guild_id),
            "name": channel.name,
            "position": 0,
            "parent_id": None,
            "topic": None,
            "nsfw": channel.is_age_restricted,
            "permission_overwrites": [],
            "rate_limit_per_user": 0,
        }

    def _of_thread(self, thread: Channel) -> Json:
        return {
            "guild_id": str(thread.guild_id),
            "parent_id": str(thread.parent_id),
            "owner_id": str(self._state.owner.id),
            "name": thread.name,
            "message_count": 1,
            "member_count": 1,
            "rate_limit_per_user": 0,
            "thread_metadata": {
                "archived": thread.is_archived,
                "locked": thread.is_locked,
                "auto_archive_duration": 60,
                "archive_timestamp": JOINED,
                "create_timestamp": JOINED,
            },
        }

    def guild(self, guild: Guild) -> Json:
        """Return a server with its channels; of its members only the bot, as for one without the members' intent."""
        return {
            "id": str(guild.id),
            "name": guild.name,
            "owner_id": str(guild.owner.id),
            "premium_tier": guild.premium_tier,
            "preferred_locale": "en-US",
            "member_count": len(guild.members),
            "roles": [self.role(role, position) for position, role in enumerate(guild.roles)],
            "channels": [self.channel(channel) for channel in guild.channels],
            "members": [self.member(each) for each in guild.members if each.user == self._state.bot],
            "threads": [],
            "emojis": [],
            "stickers": [],
            "features": [],
            "unavailable": False,
        }

    def attachment(self, attachment: Attachment, channel_id: int) -> Json:
        """Return a file, with the address where it is for now."""
        url = f"{self._address}/attachments/{channel_id}/{attachment.id}/{attachment.filename}"
        payload: Json = {
            "id": str(attachment.id),
            "filename": attachment.filename,
            "size": len(attachment.data),
            "content_type": attachment.media_type,
            "url": url,
            "proxy_url": url,
        }
        return payload | ({"description": attachment.description} if attachment.description else {})

    def message(self, message: Message) -> Json:
        """Return a message as it is now."""
        now = message.now
        edited = len(message.history) > 1
        payload: Json = {
            "id": str(message.id),
            "channel_id": str(message.channel.id),
            "author": self.user(message.author),
            "content": now.content,
            "embeds": list(now.embeds),
            "components": list(now.components),
            "attachments": [self.attachment(each, message.channel.id) for each in now.attachments],
            "flags": now.flags | (EPHEMERAL if message.reader else 0),
            "timestamp": discord.utils.snowflake_time(message.id).isoformat(),
            "edited_timestamp": discord.utils.utcnow().isoformat() if edited else None,
            "type": 0,
            "tts": False,
            "pinned": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
        }
        return payload

    def application(self) -> Json:
        """Return the application, whose id is its bot's."""
        return {
            "id": str(self._state.bot.id),
            "name": self._state.bot.name,
            "description": "",
            "icon": None,
            "bot_public": True,
            "bot_require_code_grant": False,
            "owner": self.user(self._state.owner),
            "verify_key": "0" * 64,
            "flags": 0,
            "team": None,
        }
