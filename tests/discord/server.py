"""A Discord on loopback: REST over HTTP, a gateway over a websocket, and people who use it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import pytest
from aiohttp import web

from tests.discord.errors import UNAUTHORIZED, Refused
from tests.discord.exchange import as_json
from tests.discord.faults import Fault, Faults, Rule
from tests.discord.gateway import Gateway
from tests.discord.interactions import Interactions
from tests.discord.members import Members
from tests.discord.payloads import Payloads
from tests.discord.routes import Routes
from tests.discord.state import State

API = "/api/v10"
TOKEN = "not.a.secret"
MOST_BYTES = 128 << 20
STOP_WITHIN_S = 5.0

# What members' tokens open, the bot's own token is not asked for.
WITHOUT_TOKEN = ("/interactions/", "/webhooks/")

# Far from every limit: what a client makes of one is seen with a 429 that a test orders.
RATE_LIMIT = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "999", "X-RateLimit-Reset-After": "1"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the bot, and the status of its answer: 0 if it got none."""

    method: str
    path: str
    status: int


class FakeDiscord(Faults, Members):
    """A Discord that a real client connects to. Open it with `async with`.

    Args:
        shards: how many the bot is told to open.

    Attributes:
        state: all that exists.
        gateway: the sessions of the bot.
        interactions: what members did.
        requests: what the bot asked for, in the order of the answers.
        mistakes: what went wrong without being ordered: a route that is missing here, or a fault of this code.
        pauses: how long discord.py would have waited, in seconds, where it waits of itself; see `as_discord`.
    """

    def __init__(self, shards: int = 1) -> None:
        self.state = State()
        Faults.__init__(self, self.state.changes)
        self.requests: list[Request] = []
        self.mistakes: list[str] = []
        self.pauses: list[float] = []
        self._shards = shards

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        self.address = f"http://{place}"
        self.payloads = payloads = Payloads(self.state, self.address)
        self.interactions = Interactions(self.state, payloads)
        self.gateway = Gateway(self.state, payloads, f"ws://{place}/socket", TOKEN)
        self._routes = routes = Routes(self.state, payloads, self.interactions, self.gateway.address, self._shards)
        api = web.Application(middlewares=[self._handle])
        api.add_routes(routes.table())
        outer = web.Application(client_max_size=MOST_BYTES)
        outer.add_subapp(API, api)
        outer.add_routes(
            [
                web.get("/socket", self.gateway.serve),
                web.get("/attachments/{channel}/{attachment}/{name}", self._file),
            ]
        )
        self._runner = web.AppRunner(outer, access_log=None, shutdown_timeout=STOP_WITHIN_S)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.lift_all()
        self.gateway.drop()
        await self._runner.cleanup()

    @contextmanager
    def as_discord(self) -> Iterator[None]:
        """Let discord.py take this for Discord, and not really wait where it waits of itself.

        It waits before it asks again after a 5xx or a 429, before it connects again, and between two shards. How long
        it would have been is noted in `pauses`.
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("discord.http.Route.BASE", f"{self.address}{API}")
            patch.setattr("discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY", self.gateway.url)
            for module in ("http", "webhook.async_", "client", "shard"):
                patch.setattr(f"discord.{module}.asyncio", _Hurried(self.pauses))
            yield

    def asked(self, method: str, path_part: str) -> list[Request]:
        """Return the requests of a method whose path has this in it."""
        return [each for each in self.requests if each.method == method and path_part in each.path]

    async def _file(self, request: web.Request) -> web.StreamResponse:
        rule = self.rule_for("GET", request.path)
        if rule is not None and rule.fault is Fault.HOLD_REQUEST:
            await rule.wait_to_go_on()
        return await self._routes.file(request)

    @web.middleware
    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.path.removeprefix(API)
        rule = self.rule_for(request.method, path)
        response = await self._answer(request, path, rule, handler)
        broken = response is None or request.transport is None
        self.requests.append(Request(request.method, path, 0 if response is None or broken else response.status))
        if response is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        response.headers.update(RATE_LIMIT)
        return response

    async def _answer(
        self, request: web.Request, path: str, rule: Rule | None, handler: Handler
    ) -> web.StreamResponse | None:
        """Return the answer; None if the connection is to be broken instead."""
        match rule and rule.fault:
            case Fault.ANSWER:
                assert rule is not None
                await request.read()
                return as_json(rule.body(), status=rule.status, headers=rule.headers())
            case Fault.DROP:
                return None
            case Fault.HOLD_REQUEST:
                assert rule is not None
                await rule.wait_to_go_on()
        response = await self._done(request, path, handler)
        match rule and rule.fault:
            case Fault.LOSE:
                return None
            case Fault.HOLD_ANSWER:
                assert rule is not None
                await rule.wait_to_go_on()
        return response

    async def _done(self, request: web.Request, path: str, handler: Handler) -> web.StreamResponse:
        try:
            if not path.startswith(WITHOUT_TOKEN) and request.headers.get("Authorization") != f"Bot {TOKEN}":
                raise UNAUTHORIZED()
            return await handler(request)
        except Refused as error:
            return as_json({"code": error.code, "message": error.message}, status=error.status)
        except web.HTTPException as error:
            self.mistakes.append(f"{request.method} {path}: {error.status} {error.reason}")
            return as_json({"code": 0, "message": error.reason}, status=error.status)
        except Exception as error:
            self.mistakes.append(f"{request.method} {path}: {error!r}")
            raise


class _Hurried:
    """The module asyncio, except that sleeping takes no time and is noted."""

    def __init__(self, pauses: list[float]) -> None:
        self._pauses = pauses

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, delay: float, result: object = None) -> None:
        """Note how long it would have been."""
        self._pauses.append(delay)
        await asyncio.sleep(0)
