"""Compose the bot: open the ledger, the engine and the use cases, and run them until someone says stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import discord
from pydantic import ValidationError

from bot.client import EaselBot
from bot.interactions.rejections import NOT_TAKEN
from bot.settings import Settings, SettingsError
from bot.storage import StorageError, Store, open_store
from bot.style_files import load_styles
from bot.usecases import Park, Usecases, build, unparked
from engine.api import EngineClient
from engine.executors.port import Executor
from engine.folders import MODELS_DIR, MODELS_FILE
from engine.service import open_engine
from engine.settings import EngineSettings

log = logging.getLogger(__name__)

TIDY_EVERY_S = 6 * 3600.0
SETTLE_EVERY_S = 15.0
SECONDS_A_DAY = 86_400
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
TOKEN_REFUSED = 4004
"""With which the gateway closes a connection."""


@dataclass(frozen=True, slots=True)
class Assurances:
    """What the owner says of one start, and Easel cannot know.

    Args:
        adopt_empty_ledger: go on with the database as it is, although it is missing, empty, older or another one.
        clock_is_right: this machine's clock is right, although it is far from the newest record.
    """

    adopt_empty_ledger: bool = False
    clock_is_right: bool = False


NONE_GIVEN = Assurances()


@dataclass(frozen=True, slots=True)
class App:
    """Everything that is open while the bot runs.

    Args:
        store: the ledger and the pictures.
        engine: draws.
        usecases: what members can do.
    """

    store: Store
    engine: EngineClient
    usecases: Usecases

    def build_bot(self) -> EaselBot:
        """Return a client that is not connected yet. There may be one after another, never two at once."""
        return EaselBot(self.usecases, self.store)


@asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    park: Park = unparked,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    executors: Sequence[Executor] | None = None,
    assurances: Assurances = NONE_GIVEN,
) -> AsyncIterator[App]:
    """Open what the bot stands on. Its tasks inherit the caller's context, so open it outside any client.

    Args:
        settings: what the owner decided.
        park: around every wait for the engine.
        sleep: waits before a job is tried again, in seconds.
        executors: the engine's workers; None for those of the settings.
        assurances: what the owner says of this start.

    Raises:
        SettingsError: the engine's settings are wrong.
        StorageError, CatalogError, StylesError: the ledger, the model catalogue or the styles cannot be used.
    """
    styles = load_styles(settings.config_dir, settings.data_dir)
    async with (
        open_store(
            settings.data_dir,
            settings.default_limits(),
            previews=settings.servers.previews,
            adopt=assurances.adopt_empty_ledger,
            clock_is_right=assurances.clock_is_right,
        ) as store,
        open_engine(engine_settings(settings), executors=executors) as engine,
        _every(TIDY_EVERY_S, partial(_tidy, store, settings.storage.retention_days * SECONDS_A_DAY)),
        _every(SETTLE_EVERY_S, store.settle),
    ):
        yield App(store, engine, build(store, engine, styles=styles, park=park, sleep=sleep))


def engine_settings(settings: Settings) -> EngineSettings:
    """Return the engine's part of the settings, which only the engine can judge.

    Raises:
        SettingsError: it names everything that is wrong.
    """
    places = {"models_file": settings.config_dir / MODELS_FILE, "models_dir": settings.data_dir / MODELS_DIR}
    values = {**places, **settings.engine}
    try:
        return EngineSettings.model_validate(values)
    except ValidationError as error:
        problems = [f"engine.{'.'.join(map(str, each['loc']))}: {each['msg']}." for each in error.errors()]
        raise SettingsError(problems) from error


async def run(
    settings: Settings, assurances: Assurances = NONE_GIVEN, executors: Sequence[Executor] | None = None
) -> None:
    """Run the bot until SIGTERM or SIGINT. What is unfinished then is taken up at the next start.

    Args:
        settings: what the owner decided.
        assurances: what the owner says of this start.
        executors: the engine's workers; None for those of the settings.

    Raises:
        SettingsError: there is no token.
        StorageError, CatalogError, StylesError: see `open_app`.
        discord.LoginFailure: Discord does not know the token.
    """
    if settings.discord_token is None:
        raise SettingsError(["DISCORD_TOKEN is not set. Put the bot's token into the environment."])
    with hangups_ignored(), stop_signals() as stop:
        async with open_app(settings, executors=executors, assurances=assurances) as app:
            await run_until(stop, stay_online(app.build_bot, settings.discord_token.get_secret_value()))


async def stay_online(
    build_bot: Callable[[], EaselBot], token: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Keep a bot connected, however long Discord cannot be reached, until this is cancelled.

    Args:
        build_bot: makes a client for each try.
        token: of the bot.
        sleep: waits before the next try, in seconds: longer each time until a bot was online.

    Raises:
        discord.LoginFailure: Discord does not know the token.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        async with build_bot() as bot:
            try:
                await bot.start(token)  # once it is online, discord.py connects again by itself
                why = "it closed the connection"
            except (*NOT_TAKEN, discord.GatewayNotFound, discord.ConnectionClosed) as error:
                if isinstance(error, discord.ConnectionClosed) and error.code == TOKEN_REFUSED:
                    raise discord.LoginFailure(str(error)) from error
                why = str(error) or type(error).__name__
            pause_s = FIRST_PAUSE_S if bot.is_ready() else pause_s
        log.warning("Discord does not let the bot in (%s). The next try is in %g s.", why, pause_s)
        await sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


@contextlib.contextmanager
def hangups_ignored() -> Iterator[None]:
    """Live on when the terminal is closed, which sends SIGHUP; so do the processes that are made meanwhile."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT or SIGTERM sets, instead of what they do otherwise."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def run_until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends or `stop` is set, and then no longer. Raises what the work raises by itself."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


@asynccontextmanager
async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.create_task(_repeat(seconds, work))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _repeat(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except StorageError as error:
            log.error("The ledger cannot be looked after: %s", error)
        await asyncio.sleep(seconds)


async def _tidy(store: Store, retention_s: float) -> None:
    forgotten = await store.forget_pictures(retention_s)
    if forgotten:
        log.info("%d picture files were past their time and are gone", forgotten)
