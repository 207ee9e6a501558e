"""What members start: an interaction, its one answer, and what its token allows afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum

from tests.discord.errors import ALREADY_ACKNOWLEDGED, INVALID_WEBHOOK_TOKEN, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK
from tests.discord.exchange import Body
from tests.discord.payloads import Payloads
from tests.discord.state import Changes, Message, State
from tests.discord.values import EPHEMERAL, LOADING, Channel, Json, Member, Version
from tests.discord.writing import written


class Kind(IntEnum):
    """What an interaction is."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    FORM = 5


class Answer(IntEnum):
    """How an interaction is answered."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    FORM = 9


@dataclass
class Interaction:
    """One thing that a member did, and what came of it.

    Args:
        member: who did it.
        channel: where.
        kind: what it is.
        data: the particulars.
        source: the message that was pressed on, if any.
    """

    id: int
    changes: Changes
    member: Member
    channel: Channel
    kind: Kind
    data: Json
    source: Message | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    answer: Answer | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Json] = field(default_factory=list)
    form: Json | None = None
    is_expired: bool = False

    @property
    def message(self) -> Message:
        """The message that answers it."""
        assert self.original is not None, f"it was answered with {self.answer!r}"
        return self.original

    @property
    def whispers(self) -> list[str]:
        """What only the member was told."""
        told = [self.original, *self.followups]
        return [each.content for each in told if each is not None and each.reader is not None and each.content]

    async def until(self, condition: Callable[[Interaction], bool]) -> Interaction:
        """Wait until the interaction is as described."""
        await self.changes.until(lambda: condition(self))
        return self


class Interactions:
    """All of them, by token."""

    def __init__(self, state: State, payloads: Payloads) -> None:
        self._state = state
        self._payloads = payloads
        self._by_token: dict[str, Interaction] = {}

    def start(
        self, member: Member, channel: Channel, kind: Kind, data: Json, source: Message | None = None
    ) -> Interaction:
        """Return a new interaction that the bot is not told of yet."""
        interaction = Interaction(self._state.new_id(), self._state.changes, member, channel, kind, data, source)
        self._by_token[interaction.token] = interaction
        return interaction

    def expire_all(self) -> None:
        """Let fifteen minutes pass for every token."""
        for interaction in self._by_token.values():
            interaction.is_expired = True

    def payload(self, interaction: Interaction) -> Json:
        """Return the event that tells the bot."""
        guild = interaction.member.guild
        payload: Json = {
            "id": str(interaction.id),
            "application_id": str(self._state.bot.id),
            "type": interaction.kind,
            "data": interaction.data,
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": "en-US", "features": []},
            "channel_id": str(interaction.channel.id),
            "channel": self._payloads.channel(interaction.channel) | {"permissions": "0"},
            "member": self._payloads.member(interaction.member, with_permissions=True),
            "token": interaction.token,
            "version": 1,
            "app_permissions": str(interaction.member.permissions),
            "locale": "en-US",
            "guild_locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(guild.id)},
            "context": 0,
            "attachment_size_limit": guild.file_limit,
        }
        return payload | ({"message": self._payloads.message(interaction.source)} if interaction.source else {})

    def with_token(self, token: str) -> Interaction:
        """Return the interaction of a token.

        Raises:
            Refused: there is none, or its time is over.
        """
        interaction = self._by_token.get(token)
        if interaction is None:
            raise UNKNOWN_WEBHOOK()
        if interaction.is_expired:
            raise INVALID_WEBHOOK_TOKEN()
        return interaction

    def take_answer(self, interaction: Interaction, body: Body) -> Json:
        """Do what the one answer says, and return what Discord says to it.

        Raises:
            Refused: it is the second, or breaks a rule.
        """
        if interaction.answer is not None:
            raise ALREADY_ACKNOWLEDGED()
        answer, data = Answer(body.json["type"]), body.json.get("data") or {}
        match answer:
            case Answer.MESSAGE:
                interaction.original = self._post(interaction, data, body)
            case Answer.DEFERRED_MESSAGE:
                interaction.original = self._post_version(interaction, Version(flags=LOADING), data)
            case Answer.DEFERRED_UPDATE:
                interaction.original = interaction.source
            case Answer.UPDATE:
                assert interaction.source is not None
                interaction.original = interaction.source
                self._edit(interaction.source, data, body)
            case Answer.CHOICES:
                interaction.choices = data["choices"]
            case Answer.FORM:
                interaction.form = data
        interaction.answer = answer
        interaction.changes.tell()
        return self._receipt(interaction)

    def follow_up(self, interaction: Interaction, body: Body) -> Message:
        """Send another message; the first one takes the place of an answer that was put off."""
        if interaction.answer is None:
            raise UNKNOWN_WEBHOOK()
        original = interaction.original
        if original is not None and not original.is_deleted and original.now.flags & LOADING:
            return self._edit(original, body.json, body)
        message = self._post(interaction, body.json, body)
        interaction.followups.append(message)
        interaction.changes.tell()
        return message

    def find(self, interaction: Interaction, message_id: str) -> Message:
        """Return a message that a token gives access to.

        Raises:
            Refused: there is none.
        """
        if message_id == "@original":
            if interaction.answer is None:
                raise UNKNOWN_WEBHOOK()
            found = interaction.original
        else:
            reachable = [interaction.original, *interaction.followups]
            found = next((each for each in reachable if each and str(each.id) == message_id), None)
        if found is None or found.is_deleted:
            raise UNKNOWN_MESSAGE()
        return found

    def edit(self, message: Message, body: Body) -> Message:
        """Change a message."""
        return self._edit(message, body.json, body)

    def _post(self, interaction: Interaction, data: Json, body: Body) -> Message:
        limit = self._state.file_limit(interaction.channel)
        version = self._state.check(written(data, body, limit, self._state.new_id))
        return self._post_version(interaction, version, data)

    def _post_version(self, interaction: Interaction, version: Version, data: Json) -> Message:
        reader = interaction.member.user if (data.get("flags") or 0) & EPHEMERAL else None
        return self._state.post(interaction.channel, self._state.bot, version, reader)

    def _edit(self, message: Message, data: Json, body: Body) -> Message:
        limit = self._state.file_limit(message.channel)
        before = replace(message.now, flags=message.now.flags & ~LOADING)
        message.show(self._state.check(written(data, body, limit, self._state.new_id, before)))
        return message

    def _receipt(self, interaction: Interaction) -> Json:
        assert interaction.answer is not None
        about: Json = {"id": str(interaction.id), "type": interaction.kind}
        if interaction.original is None or interaction.answer is Answer.DEFERRED_UPDATE:
            return {"interaction": about}
        about["response_message_id"] = str(interaction.original.id)
        about["response_message_loading"] = bool(interaction.original.now.flags & LOADING)
        about["response_message_ephemeral"] = interaction.original.reader is not None
        resource: Json = {"type": interaction.answer, "message": self._payloads.message(interaction.original)}
        return {"interaction": about, "resource": resource}
