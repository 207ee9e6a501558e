"""The gateway: a websocket for each shard, sessions that can be resumed, and events in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

import yarl
from aiohttp import WSMsgType, web

from tests.discord.payloads import Payloads
from tests.discord.state import State
from tests.discord.values import Guild, Json

HEARTBEAT_EVERY_MS = 41_250
WRONG_TOKEN, UNKNOWN_OP = 4004, 4001


class Op(IntEnum):
    """What a frame is."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    RESUME = 6
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Connection:
    """One websocket. What is sent goes out in order, compressed as the client asked."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket
        self._outbox: asyncio.Queue[Json] = asyncio.Queue()
        self._deflate = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None

    def send(self, op: Op, data: object, event: str | None = None, number: int | None = None) -> None:
        """Send a frame, at once and without waiting for it."""
        self._outbox.put_nowait({"op": op, "d": data, "t": event, "s": number})

    def break_off(self) -> None:
        """End it as a broken network does: without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def close(self, code: int) -> None:
        """End it with a code."""
        await self._socket.close(code=code)

    async def write(self) -> None:
        """Write what is sent until the socket is gone."""
        with contextlib.suppress(ConnectionError):
            while True:
                text = json.dumps(await self._outbox.get())
                if self._deflate is None:
                    await self._socket.send_str(text)
                else:
                    data = self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
                    await self._socket.send_bytes(data)


@dataclass
class Session:
    """What one client was told, and can be told again."""

    id: str
    shard: tuple[int, int]
    sent: list[tuple[str, Json]] = field(default_factory=list)
    connection: Connection | None = None
    may_resume: bool = True

    def dispatch(self, event: str, data: Json) -> None:
        """Tell of an event, now or when the client resumes."""
        self.sent.append((event, data))
        if self.connection is not None:
            self.connection.send(Op.DISPATCH, data, event, len(self.sent))

    def serves(self, guild: Guild) -> bool:
        """Return whether events of a guild go here."""
        number, count = self.shard
        return (guild.id >> 22) % count == number


class Gateway:
    """All sessions.

    Args:
        state: what there is.
        payloads: words it.
        address: of this gateway.
        token: of the bot.
    """

    def __init__(self, state: State, payloads: Payloads, address: str, token: str) -> None:
        self.address = address
        self.identified = 0
        self.resumed = 0
        self._state = state
        self._payloads = payloads
        self._token = token
        self._sessions: dict[str, Session] = {}

    @property
    def url(self) -> yarl.URL:
        """The address as discord.py keeps it."""
        return yarl.URL(self.address)

    async def dispatch(self, guild: Guild, event: str, data: Json) -> None:
        """Tell the shard of a guild of an event; wait for one that can be told."""
        await self._state.changes.until(lambda: self._session_of(guild) is not None)
        session = self._session_of(guild)
        assert session is not None
        session.dispatch(event, data)

    def drop(self, *, may_resume: bool = True) -> None:
        """Break all connections. What happens until the bot is back is told when it resumes.

        Args:
            may_resume: whether the sessions can go on; otherwise the bot has to begin anew and misses what happened.
        """
        for session in self._sessions.values():
            session.may_resume &= may_resume
            if session.connection is not None:
                connection, session.connection = session.connection, None
                connection.break_off()

    async def until(self, condition: Callable[[Gateway], bool]) -> None:
        """Wait until the gateway is as described."""
        await self._state.changes.until(lambda: condition(self))

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(request, socket)
        writing = asyncio.create_task(connection.write())
        connection.send(Op.HELLO, {"heartbeat_interval": HEARTBEAT_EVERY_MS})
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._hear(connection, json.loads(frame.data))
        finally:
            writing.cancel()
            for session in self._sessions.values():
                if session.connection is connection:
                    session.connection = None
            self._state.changes.tell()
        return socket

    async def _hear(self, connection: Connection, frame: Json) -> None:
        match frame["op"]:
            case Op.HEARTBEAT:
                connection.send(Op.HEARTBEAT_ACK, None)
            case Op.IDENTIFY:
                await self._identify(connection, frame["d"])
            case Op.RESUME:
                self._resume(connection, frame["d"])
            case Op.PRESENCE:
                pass
            case _:
                await connection.close(UNKNOWN_OP)

    async def _identify(self, connection: Connection, wish: Json) -> None:
        if wish["token"] != self._token:
            await connection.close(WRONG_TOKEN)
            return
        number, count = wish.get("shard", (0, 1))
        session = Session(secrets.token_hex(8), (number, count), connection=connection)
        self._sessions = {each.id: each for each in self._sessions.values() if each.shard != session.shard}
        self._sessions[session.id] = session
        guilds = [guild for guild in self._state.guilds.values() if session.serves(guild)]
        ready: Json = {
            "v": 10,
            "user": self._payloads.user(self._state.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.address,
            "shard": [number, count],
            "application": {"id": str(self._state.bot.id), "flags": 0},
        }
        session.dispatch("READY", ready)
        for guild in guilds:
            session.dispatch("GUILD_CREATE", self._payloads.guild(guild))
        self.identified += 1
        self._state.changes.tell()

    def _resume(self, connection: Connection, wish: Json) -> None:
        session = self._sessions.get(wish["session_id"])
        if wish["token"] != self._token or session is None or not session.may_resume:
            connection.send(Op.INVALID_SESSION, False)
            return
        for number, (event, data) in enumerate(session.sent, 1):
            if number > wish["seq"]:
                connection.send(Op.DISPATCH, data, event, number)
        session.connection = connection
        session.dispatch("RESUMED", {})
        self.resumed += 1
        self._state.changes.tell()

    def _session_of(self, guild: Guild) -> Session | None:
        found = (each for each in self._sessions.values() if each.may_resume and each.serves(guild))
        return next(found, None)
