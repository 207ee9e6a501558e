"""The bot under test: the real one, on a folder of its own, connected to the fake Discord."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.app import App, open_app
from bot.client import EaselBot
from bot.delivery.progress import EDIT_EVERY_S
from bot.domain.policy import Member as BotMember
from bot.settings import load_settings
from bot.storage.schema import DATABASE_NAME
from engine.executors.fake import FakeExecutor
from engine.executors.port import Executor
from tests.discord.interactions import Interaction
from tests.discord.server import TOKEN, FakeDiscord
from tests.discord.state import PATIENCE_S, Message
from tests.discord.values import Member, Version

NEVER_S = 10 * PATIENCE_S


class Clock:
    """A clock that moves on each time it is read, by so much that every progress is worth an edit."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += EDIT_EVERY_S
        return self.now


class Easel:
    """The bot and what it stands on, started and stopped as a process would be.

    Args:
        data_dir: outlives every stop.
        discord: what it connects to.
        executors: the engine's workers; None for those of the settings, which draw.

    Attributes:
        is_late: whether no first answer comes in time from now on; else each does, however long it takes.
    """

    def __init__(self, data_dir: Path, discord: FakeDiscord, executors: Sequence[Executor] | None) -> None:
        self.slept: list[float] = []
        self.is_late = False
        self.app: App
        self.bot: EaselBot
        self.data_dir = data_dir
        self._discord = discord
        self._executors = executors
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Start it, and wait until it is connected."""
        settings = load_settings({"EASEL_DATA_DIR": str(self.data_dir)})
        self.app = await self._open.enter_async_context(
            open_app(settings, sleep=self._sleep, executors=self._executors)
        )
        # As App.build_bot makes it, but for the three things that would let time pass.
        self.bot = EaselBot(
            self.app.usecases,
            self.app.store,
            clock=Clock(),
            sleep=self._sleep,
            first_answer_s=lambda: 0.0 if self.is_late else NEVER_S,
        )
        before = self._discord.gateway.identified
        running = asyncio.create_task(self._run())
        self._open.push_async_callback(_ended, running)
        connected = asyncio.create_task(self._discord.gateway.until(lambda it: it.identified > before))
        await asyncio.wait([running, connected], return_when=asyncio.FIRST_COMPLETED)
        if not connected.done():
            connected.cancel()
            running.result()
        await connected

    async def stop(self) -> None:
        """Stop it as SIGTERM does."""
        await self._open.aclose()

    async def restart(self) -> None:
        """Stop it, and start it on the same folder."""
        await self.stop()
        await self.start()

    async def over(self, message: Message) -> Message:
        """Wait until the bot has nothing more to do about a request's message, and return it."""
        await message.until(lambda it: it.is_deleted or _has_ended(it))
        if _carries_buttons(message):
            await asyncio.wait_for(self.bot.delivery.wait(self.job_id(message)), PATIENCE_S)
        return message

    def job_id(self, message: Message) -> str:
        """Return the id that the buttons of a message carry, or carried first."""
        first = next(button for version in message.history for button in version.buttons)
        return str(first["custom_id"].split(":")[2])

    def member(self, member: Member) -> BotMember:
        """Return a member as the use cases see them."""
        return BotMember(member.guild.id, member.id, frozenset(role.id for role in member.roles))

    async def _run(self) -> None:
        async with self.bot:
            await self.bot.start(TOKEN)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _carries_buttons(message: Message) -> bool:
    return any(version.buttons for version in message.history)


def _has_ended(message: Message) -> bool:
    waited = [_waits(version) for version in message.history]
    return any(waited) and not waited[-1]


def _waits(version: Version) -> bool:
    return any(button["custom_id"].startswith("easel:cancel:") for button in version.buttons)


@dataclass
class Studio:
    """A server with the bot in it, two members and a moderator.

    Args:
        worker: the bot's only worker.
        faults_are_expected: whether there may be errors in the log.
    """

    discord: FakeDiscord
    easel: Easel
    worker: FakeExecutor
    ann: Member
    ben: Member
    moderator: Member
    faults_are_expected: bool = False

    async def finished(self, asked: Interaction) -> Message:
        """Return the message of an accepted request once nothing more will happen to it."""
        assert asked.message.reader is None, asked.message.content
        return await self.easel.over(asked.message)

    async def drawn(self, prompt: str, **options: Any) -> Message:
        """Use /imagine as Ann, and return its message once nothing more will happen to it."""
        return await self.finished(await self.discord.command(self.ann, "imagine", prompt=prompt, **options))


@asynccontextmanager
async def locked(studio: Studio) -> AsyncIterator[None]:
    """Hold the database inside the block, as another program does that writes: the bot can read, but not write.

    No first answer comes in time meanwhile.
    """
    path = studio.easel.data_dir / DATABASE_NAME
    connection = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
    try:
        # In a thread: the bot may be within a transaction of its own, which ends in this loop.
        await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
        studio.easel.is_late = True
        yield
    finally:
        studio.easel.is_late = False
        connection.close()


@asynccontextmanager
async def connected(
    data_dir: Path, discord: FakeDiscord, executors: Sequence[Executor] | None = None
) -> AsyncIterator[Easel]:
    """Run the bot in a fake Discord.

    Args:
        executors: the engine's workers; None for those of the settings, which draw.
    """
    easel = Easel(data_dir, discord, executors)
    with discord.as_discord():
        try:
            await easel.start()
            yield easel
        finally:
            await easel.stop()
