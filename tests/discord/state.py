"""All that exists in a Discord, in one place, and every message with everything that it ever showed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import discord

from tests.discord.errors import Refused
from tests.discord.values import (
    DIRECT_MESSAGE,
    FILE_LIMITS,
    PUBLIC_THREAD,
    Attachment,
    Channel,
    Guild,
    Json,
    Member,
    Role,
    User,
    Version,
)

PATIENCE_S = 300.0


class Changes:
    """Wakes whoever waits for something to be so. Nobody ever sleeps for a while and looks again."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

    def tell(self) -> None:
        """Say that something is not as it was."""
        self._happened.set()
        self._happened.clear()

    async def until(self, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Wait until a condition is true. It is asked after each change.

        Args:
            condition: what is waited for.
            patience_s: when to give up; far more than it can take.
        """
        async with asyncio.timeout(patience_s):
            while not condition():
                await self._happened.wait()


class Message:
    """A message, with all its versions. It is kept when it is deleted.

    Args:
        changes: told of each new version.
        channel: where it is.
        author: who wrote it.
        first: what it shows first.
        reader: the only one who sees it; None for all.
    """

    def __init__(self, message_id: int, changes: Changes, channel: Channel, author: User, first: Version) -> None:
        self.id = message_id
        self.channel = channel
        self.author = author
        self.history = [first]
        self.is_deleted = False
        self.reader: User | None = None
        self._changes = changes

    @property
    def now(self) -> Version:
        """What it shows, or showed last."""
        return self.history[-1]

    @property
    def content(self) -> str:
        """Its words."""
        return self.now.content

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """Its files."""
        return self.now.attachments

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """The pictures that are visible on it; none once it is deleted."""
        return () if self.is_deleted else self.now.pictures

    @property
    def ever_shown(self) -> tuple[bytes, ...]:
        """Every picture that was visible on it at some time, each once, in order."""
        return tuple(dict.fromkeys(picture for version in self.history for picture in version.pictures))

    @property
    def labels(self) -> list[str]:
        """What its buttons say."""
        return self.now.labels

    def show(self, version: Version) -> None:
        """Take its next version."""
        self.history.append(version)
        self._changes.tell()

    def delete(self) -> None:
        """Take it off its channel."""
        self.is_deleted = True
        self._changes.tell()

    async def until(self, condition: Callable[[Message], bool]) -> Message:
        """Wait until the message is as described."""
        await self._changes.until(lambda: condition(self))
        return self


class State:
    """Everything that exists, in one place."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.uploads: dict[int, Attachment] = {}
        self.commands: list[Json] = []
        self.distastes: list[tuple[Callable[[Version], bool], Refused]] = []
        self._numbers = count(1)
        self.owner = self.new_user("owner")
        self.bot = self.new_user("easel", is_bot=True)

    def new_id(self) -> int:
        """Return an id that says when it was made, as all of Discord's do."""
        return discord.utils.time_snowflake(discord.utils.utcnow()) + next(self._numbers)

    def new_user(self, name: str, *, is_bot: bool = False) -> User:
        """Return a new account."""
        return User(self.new_id(), name, is_bot)

    def new_guild(self, name: str, premium_tier: int = 0) -> Guild:
        """Return a new server with the bot in it. It exists for a bot that connects later."""
        guild = Guild(self.new_id(), name, self.owner, premium_tier, FILE_LIMITS[premium_tier])
        usual = discord.Permissions(view_channel=True, send_messages=True, use_application_commands=True)
        guild.roles.append(Role(guild.id, "@everyone", usual.value))
        self.guilds[guild.id] = guild
        self.new_member(guild, self.bot)
        return guild

    def new_channel(self, guild: Guild, name: str, *, is_age_restricted: bool = False) -> Channel:
        """Return a new text channel."""
        channel = Channel(self.new_id(), name, guild.id, is_age_restricted=is_age_restricted)
        guild.channels.append(channel)
        self.channels[channel.id] = channel
        return channel

    def new_thread(self, channel: Channel, name: str, kind: int = PUBLIC_THREAD) -> Channel:
        """Return a new thread of a text channel, which the bot learns of with the first interaction in it."""
        thread = Channel(self.new_id(), name, channel.guild_id, kind, parent_id=channel.id)
        self.channels[thread.id] = thread
        return thread

    def new_role(self, guild: Guild, name: str, permissions: discord.Permissions) -> Role:
        """Return a new role."""
        guild.roles.append(role := Role(self.new_id(), name, permissions.value))
        return role

    def new_member(self, guild: Guild, user: User, *roles: Role) -> Member:
        """Let somebody join."""
        guild.members.append(member := Member(user, guild, roles))
        return member

    def direct_channel(self, user_id: int) -> Channel:
        """Return the channel between the bot and a user, which has the user's id."""
        return self.channels.setdefault(user_id, Channel(user_id, "", None, DIRECT_MESSAGE))

    def remove_channel(self, channel: Channel) -> None:
        """Delete a channel, and all messages with it."""
        del self.channels[channel.id]
        for guild in self.guilds.values():
            guild.channels = [each for each in guild.channels if each.id != channel.id]
        for message in self.messages.values():
            if message.channel.id == channel.id:
                message.delete()

    def refuse(self, refusal: Refused, shows: Callable[[Version], bool]) -> None:
        """Take no message any more that shows something."""
        self.distastes.append((shows, refusal))

    def check(self, version: Version) -> Version:
        """Return what a message is to show. Raises Refused if it is not to be taken."""
        for shows, refusal in self.distastes:
            if shows(version):
                raise refusal
        return version

    def post(self, channel: Channel, author: User, version: Version, reader: User | None = None) -> Message:
        """Put a message into a channel."""
        message = Message(self.new_id(), self.changes, channel, author, version)
        message.reader = reader
        self.messages[message.id] = message
        self.changes.tell()
        return message

    def posts(self, channel: Channel | None = None) -> list[Message]:
        """Return what everyone sees, in one channel or in all, oldest first."""
        public = (each for each in self.messages.values() if not each.is_deleted and each.reader is None)
        return [each for each in public if channel in (None, each.channel)]

    def file_limit(self, channel: Channel) -> int:
        """Return how many bytes a file may have in a channel."""
        return self.guilds[channel.guild_id].file_limit if channel.guild_id else FILE_LIMITS[0]

    def file(self, attachment_id: int) -> Attachment | None:
        """Return a file that is on a message now, or that a member handed in."""
        for message in self.messages.values():
            for attachment in () if message.is_deleted else message.attachments:
                if attachment.id == attachment_id:
                    return attachment
        return self.uploads.get(attachment_id)
