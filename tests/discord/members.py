"""What people do in Discord: type commands, press buttons, fill in forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.discord.gateway import Gateway
from tests.discord.interactions import Interaction, Interactions, Kind
from tests.discord.payloads import Payloads
from tests.discord.state import Message, State
from tests.discord.values import Attachment, Channel, Json, Member, walk

SUBCOMMAND, GROUP, ATTACHMENT = 1, 2, 11
CHAT_COMMAND, MESSAGE_COMMAND = 1, 3
TEXT_INPUT, LABEL = 4, 18


class Members:
    """Their ways to act. A channel that is not named is the first of the member's server.

    Each way returns once the bot has answered; with `is_patient=False` at once, for a bot that is kept from answering.
    """

    state: State
    gateway: Gateway
    interactions: Interactions
    payloads: Payloads

    async def command(
        self, member: Member, name: str, *, channel: Channel | None = None, is_patient: bool = True, **options: Any
    ) -> Interaction:
        """Use a slash command, as in `command(ann, "admin models deny", model="pocket")`; bytes are an upload."""
        command, path = self._find(name, CHAT_COMMAND)
        place = channel or member.guild.channels[0]
        declared = path[-1].get("options", ())
        given, resolved = self._options(declared, options, place)
        data = self._data(command, path, given) | ({"resolved": {"attachments": resolved}} if resolved else {})
        return await self._act(member, place, Kind.COMMAND, data, is_patient=is_patient)

    async def autocomplete(self, member: Member, name: str, option: str, typed: str = "", **options: Any) -> list[str]:
        """Type into an option of a command, and return what the bot offers."""
        command, path = self._find(name, CHAT_COMMAND)
        place = member.guild.channels[0]
        given, _ = self._options(path[-1].get("options", ()), {**options, option: typed}, place)
        for each in given:
            each |= {"focused": True} if each["name"] == option else {}
        done = await self._act(member, place, Kind.AUTOCOMPLETE, self._data(command, path, given))
        return [str(choice["value"]) for choice in done.choices]

    async def use_menu(self, member: Member, name: str, message: Message) -> Interaction:
        """Use a command of a message's menu."""
        command, _ = self._find(name, MESSAGE_COMMAND)
        resolved = {"messages": {str(message.id): self.payloads.message(message)}}
        data = {"id": command["id"], "name": name, "type": MESSAGE_COMMAND, "target_id": str(message.id)}
        return await self._act(member, message.channel, Kind.COMMAND, data | {"resolved": resolved})

    async def press(self, member: Member, message: Message, button: str, *, is_patient: bool = True) -> Interaction:
        """Press the button with this label or custom_id."""
        found = [each for each in message.now.buttons if button in (each.get("label"), each.get("custom_id"))]
        assert len(found) == 1, f"{button!r} is not one of {message.labels}"
        assert not message.is_deleted, "the message is deleted"
        data = {"component_type": found[0]["type"], "custom_id": found[0]["custom_id"], "id": found[0].get("id", 0)}
        return await self._act(member, message.channel, Kind.COMPONENT, data, message, is_patient=is_patient)

    async def submit(self, asked: Interaction, values: Mapping[str, str]) -> Interaction:
        """Send off the form that an interaction was answered with.

        Args:
            asked: the interaction.
            values: what is typed into the fields, by their custom_id; the others stay as they are.
        """
        assert asked.form is not None, f"it was answered with {asked.answer!r}"
        fields = {each["custom_id"]: each for each in walk(asked.form["components"]) if each["type"] == TEXT_INPUT}
        assert values.keys() <= fields.keys(), f"the fields are {sorted(fields)}"
        data = {"custom_id": asked.form["custom_id"], "components": _filled(asked.form["components"], values)}
        return await self._act(asked.member, asked.channel, Kind.FORM, data, asked.source)

    async def _act(
        self,
        member: Member,
        channel: Channel,
        kind: Kind,
        data: Json,
        source: Message | None = None,
        *,
        is_patient: bool = True,
    ) -> Interaction:
        interaction = self.interactions.start(member, channel, kind, data, source)
        await self.gateway.dispatch(member.guild, "INTERACTION_CREATE", self.interactions.payload(interaction))
        return await interaction.until(lambda it: it.answer is not None or not is_patient)

    def _find(self, name: str, kind: int) -> tuple[Json, list[Json]]:
        """Return a command, and the way from it to the part of it that is meant."""
        first, *others = name.split() if kind == CHAT_COMMAND else [name]
        found = [each for each in self.state.commands if (each["name"], each["type"]) == (first, kind)]
        assert found, f"there is no command {first!r} among {[each['name'] for each in self.state.commands]}"
        path = [found[0]]
        for part in others:
            path.append(next(each for each in path[-1]["options"] if each["name"] == part))
        return found[0], path

    def _options(self, declared: Any, options: Mapping[str, Any], channel: Channel) -> tuple[list[Json], Json]:
        kinds = {each["name"]: each["type"] for each in declared}
        assert options.keys() <= kinds.keys(), f"the options are {sorted(kinds)}"
        given: list[Json] = []
        resolved: Json = {}
        for name, value in options.items():
            if kinds[name] == ATTACHMENT:
                upload = Attachment(self.state.new_id(), f"{name}.png", value)
                self.state.uploads[upload.id] = upload
                resolved[str(upload.id)] = self.payloads.attachment(upload, channel.id)
                value = str(upload.id)
            given.append({"name": name, "type": kinds[name], "value": value})
        return given, resolved

    def _data(self, command: Json, path: list[Json], given: list[Json]) -> Json:
        """Return a command's data, with its options inside the subcommand that is meant."""
        inner = given
        for part in reversed(path[1:]):
            inner = [{"name": part["name"], "type": part["type"], "options": inner}]
        return {"id": command["id"], "name": command["name"], "type": CHAT_COMMAND, "options": inner}


def _filled(components: Any, values: Mapping[str, str]) -> list[Json]:
    """Return a form's components as they are sent off."""
    sent: list[Json] = []
    for each in components:
        if each["type"] == TEXT_INPUT:
            value = values.get(each["custom_id"], each.get("value") or "")
            sent.append({"type": TEXT_INPUT, "custom_id": each["custom_id"], "id": each.get("id", 0), "value": value})
        elif "component" in each:
            sent.append({"type": LABEL, "id": each.get("id", 0), "component": _filled([each["component"]], values)[0]})
        else:
            sent.append({"type": each["type"], "components": _filled(each.get("components", ()), values)})
    return sent
