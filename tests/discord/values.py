"""What there is in a Discord, as plain values: people, servers, channels, files, and what a message shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

LOADING = 1 << 7
EPHEMERAL = 1 << 6
COMPONENTS_V2 = 1 << 15

TEXT_CHANNEL, DIRECT_MESSAGE, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 11, 12
BUTTON = 2

FILE_LIMITS = (10 << 20, 10 << 20, 50 << 20, 100 << 20)  # by tier


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: int
    name: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a guild; the one of everyone has the guild's id."""

    id: int
    name: str
    permissions: int = 0


@dataclass(eq=False, slots=True)
class Channel:
    """Where messages are.

    Args:
        parent_id: the channel of a thread.
        is_archived: nothing in it can be changed until somebody writes in it.
        is_locked: nobody but moderators can write in it.
        is_closed: the bot may not write in it, except as the answer to an interaction.
    """

    id: int
    name: str
    guild_id: int | None
    kind: int = TEXT_CHANNEL
    is_age_restricted: bool = False
    parent_id: int | None = None
    is_archived: bool = False
    is_locked: bool = False
    is_closed: bool = False


@dataclass
class Guild:
    """A server.

    Args:
        premium_tier: how much it is boosted; the bot reads from it how large files may be.
        file_limit: how many bytes a file may really have.
    """

    id: int
    name: str
    owner: User
    premium_tier: int = 0
    file_limit: int = FILE_LIMITS[0]
    roles: list[Role] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)


@dataclass(frozen=True)
class Member:
    """A user of a guild."""

    user: User
    guild: Guild
    roles: tuple[Role, ...] = ()

    @property
    def id(self) -> int:
        """The user's."""
        return self.user.id

    @property
    def permissions(self) -> int:
        """What all roles together allow."""
        allowed = self.guild.roles[0].permissions
        for role in self.roles:
            allowed |= role.permissions
        return allowed


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a message has, or that a member hands in."""

    id: int
    filename: str
    data: bytes
    description: str | None = None

    @property
    def media_type(self) -> str:
        """What the name says that it is."""
        ending = self.filename.rsplit(".", 1)[-1].lower()
        return {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}.get(ending, "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Version:
    """What a message shows from one write to the next."""

    content: str = ""
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    flags: int = 0

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """The files that a reader sees. With components v2 only those that a component names are shown."""
        shown = self.attachments
        if self.flags & COMPONENTS_V2:
            text = json.dumps(self.components)
            shown = tuple(each for each in shown if f'"attachment://{each.filename}"' in text)
        return tuple(each.data for each in shown)

    @property
    def shows_a_picture(self) -> bool:
        """Whether there is any picture, attached or linked to."""
        linked = any("image" in embed or "thumbnail" in embed for embed in self.embeds)
        in_components = any(each.keys() & {"media", "items", "file"} for each in walk(self.components))
        return bool(self.attachments) or linked or in_components

    @property
    def buttons(self) -> list[Json]:
        """All buttons in reading order, wherever they are."""
        return [each for each in walk(self.components) if each["type"] == BUTTON]

    @property
    def labels(self) -> list[str]:
        """What the buttons say."""
        return [button.get("label", "") for button in self.buttons]


def walk(components: Sequence[Json]) -> Iterator[Json]:
    """Yield components and what is inside them."""
    for component in components:
        yield component
        yield from walk(component.get("components", ()))
        if "accessory" in component:
            yield component["accessory"]
        if "component" in component:
            yield from walk([component["component"]])
