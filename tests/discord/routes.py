"""The REST routes that the bot uses. Each is a few lines over what there is; whatever else is asked for is an error."""

from __future__ import annotations

from aiohttp import web

from tests.discord.errors import (
    NO_PERMISSION,
    NOT_THE_AUTHOR,
    THREAD_ARCHIVED,
    THREAD_LOCKED,
    UNKNOWN_CHANNEL,
    UNKNOWN_GUILD,
    UNKNOWN_INTERACTION,
    UNKNOWN_MESSAGE,
    UNKNOWN_WEBHOOK,
    Refused,
)
from tests.discord.exchange import as_json, read_body
from tests.discord.interactions import Interaction, Interactions
from tests.discord.payloads import Payloads
from tests.discord.state import Message, State
from tests.discord.values import Channel
from tests.discord.writing import written

NO_CONTENT = 204


class Routes:
    """Answers requests.

    Args:
        state: what there is.
        payloads: words it.
        interactions: those that members started.
        gateway: address of the gateway.
        shards: how many the bot is told to open.
    """

    def __init__(self, state: State, payloads: Payloads, interactions: Interactions, gateway: str, shards: int) -> None:
        self._state = state
        self._payloads = payloads
        self._interactions = interactions
        self._gateway = gateway
        self._shards = shards

    def table(self) -> list[web.RouteDef]:
        """Return all routes."""
        messages, hook = "/channels/{channel}/messages", "/webhooks/{application}/{token}"
        return [
            web.get("/users/@me", self._me),
            web.get("/oauth2/applications/@me", self._application),
            web.get("/applications/@me", self._application),
            web.get("/gateway/bot", self._gateway_bot),
            web.put("/applications/{application}/commands", self._sync),
            web.get("/guilds/{guild}", self._guild),
            web.get("/channels/{channel}", self._channel),
            web.post("/users/@me/channels", self._direct),
            web.post(messages, self._send),
            web.get(messages, self._list),
            web.get(messages + "/{message}", self._read),
            web.patch(messages + "/{message}", self._edit),
            web.delete(messages + "/{message}", self._delete),
            web.post("/interactions/{interaction}/{token}/callback", self._answer),
            web.post(hook, self._follow_up),
            web.get(hook + "/messages/{message}", self._read_by_token),
            web.patch(hook + "/messages/{message}", self._edit_by_token),
            web.delete(hook + "/messages/{message}", self._delete_by_token),
        ]

    async def file(self, request: web.Request) -> web.Response:
        """Give out a file."""
        attachment = self._state.file(int(request.match_info["attachment"]))
        if attachment is None:
            raise web.HTTPNotFound
        return web.Response(body=attachment.data, content_type=attachment.media_type)

    async def _me(self, request: web.Request) -> web.Response:
        return as_json(self._payloads.user(self._state.bot))

    async def _application(self, request: web.Request) -> web.Response:
        return as_json(self._payloads.application())

    async def _gateway_bot(self, request: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return as_json({"url": self._gateway, "shards": self._shards, "session_start_limit": limit})

    async def _sync(self, request: web.Request) -> web.Response:
        commands = await request.json()
        application = str(self._state.bot.id)
        self._state.commands = [
            {"type": 1, "options": [], "version": "1", "application_id": application, "description": ""}
            | {"id": str(self._state.new_id()), "default_member_permissions": None}
            | command
            for command in commands
        ]
        return as_json(self._state.commands)

    async def _guild(self, request: web.Request) -> web.Response:
        guild = self._state.guilds.get(int(request.match_info["guild"]))
        if guild is None:
            raise UNKNOWN_GUILD()
        return as_json(self._payloads.guild(guild))

    async def _channel(self, request: web.Request) -> web.Response:
        return as_json(self._payloads.channel(self._channel_of(request)))

    async def _direct(self, request: web.Request) -> web.Response:
        channel = self._state.direct_channel(int((await request.json())["recipient_id"]))
        return as_json(self._payloads.channel(channel))

    async def _send(self, request: web.Request) -> web.Response:
        channel = self._channel_of(request)
        body = await read_body(request)
        _check_open(channel)
        if channel.is_locked:
            raise THREAD_LOCKED()
        version = self._state.check(written(body.json, body, self._state.file_limit(channel), self._state.new_id))
        channel.is_archived = False
        return self._said(self._state.post(channel, self._state.bot, version))

    async def _list(self, request: web.Request) -> web.Response:
        after, limit = int(request.query.get("after", 0)), int(request.query.get("limit", 50))
        posts = [each for each in self._state.posts(self._channel_of(request)) if each.id > after]
        return as_json([self._payloads.message(each) for each in reversed(posts[:limit])])

    async def _read(self, request: web.Request) -> web.Response:
        return self._said(self._message_of(request))

    async def _edit(self, request: web.Request) -> web.Response:
        message = self._message_of(request)
        if message.author != self._state.bot:
            raise NOT_THE_AUTHOR()
        body = await read_body(request)
        _check_changeable(message.channel)
        _check_open(message.channel)
        return self._said(self._interactions.edit(message, body))

    async def _delete(self, request: web.Request) -> web.Response:
        message = self._message_of(request)
        _check_changeable(message.channel)
        _check_open(message.channel)
        message.delete()
        return web.Response(status=NO_CONTENT)

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            interaction = self._interaction_of(request)
        except Refused as error:
            raise UNKNOWN_INTERACTION() from error
        if str(interaction.id) != request.match_info["interaction"]:
            raise UNKNOWN_INTERACTION()
        return as_json(self._interactions.take_answer(interaction, await read_body(request)))

    async def _follow_up(self, request: web.Request) -> web.Response:
        return self._said(self._interactions.follow_up(self._interaction_of(request), await read_body(request)))

    async def _read_by_token(self, request: web.Request) -> web.Response:
        return self._said(self._message_by_token(request))

    async def _edit_by_token(self, request: web.Request) -> web.Response:
        message, body = self._message_by_token(request), await read_body(request)
        _check_changeable(message.channel)
        return self._said(self._interactions.edit(message, body))

    async def _delete_by_token(self, request: web.Request) -> web.Response:
        message = self._message_by_token(request)
        _check_changeable(message.channel)
        message.delete()
        return web.Response(status=NO_CONTENT)

    def _said(self, message: Message) -> web.Response:
        return as_json(self._payloads.message(message))

    def _channel_of(self, request: web.Request) -> Channel:
        channel = self._state.channels.get(int(request.match_info["channel"]))
        if channel is None:
            raise UNKNOWN_CHANNEL()
        return channel

    def _message_of(self, request: web.Request) -> Message:
        channel = self._channel_of(request)
        message = self._state.messages.get(int(request.match_info["message"]))
        # What only one member sees can be reached by the interaction's token alone.
        if message is None or message.channel != channel or message.is_deleted or message.reader is not None:
            raise UNKNOWN_MESSAGE()
        return message

    def _interaction_of(self, request: web.Request) -> Interaction:
        if request.match_info.get("application", str(self._state.bot.id)) != str(self._state.bot.id):
            raise UNKNOWN_WEBHOOK()
        return self._interactions.with_token(request.match_info["token"])

    def _message_by_token(self, request: web.Request) -> Message:
        return self._interactions.find(self._interaction_of(request), request.match_info["message"])


def _check_open(channel: Channel) -> None:
    """Refuse what the bot may not do in a channel of itself."""
    if channel.is_closed:
        raise NO_PERMISSION()


def _check_changeable(channel: Channel) -> None:
    """Refuse to change anything in a thread that is archived."""
    if channel.is_archived:
        raise THREAD_ARCHIVED()
