"""A Discord server in memory with the real bot in it, a real ledger on disk, and an engine whose worker is the fake."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import discord
import pytest
from discord import app_commands
from simcord.actors import MemberActor
from simcord.env import Env
from simcord.results import InteractionResult, ResponseMessage

from bot.client import EaselBot
from bot.domain.policy import Limits, Member, Refusal
from bot.domain.records import Generation
from bot.domain.styles import Style
from bot.storage import Store, open_store
from bot.usecases import Usecases, build
from engine.api import (
    EngineClient,
    EngineError,
    EngineStatus,
    GenerationRequest,
    Job,
    ModelInfo,
    Recipe,
    SchedulerInfo,
    Size,
    Trouble,
    Upscaler,
)
from engine.catalog import Catalog, ModelEntry, Source
from engine.executors.fake import FakeExecutor
from engine.service import open_engine
from engine.settings import EngineSettings

T = TypeVar("T")

LIMITS = Limits(pictures_per_request=4, pictures_per_day=40, pictures_at_once=8, largest_side=192, most_steps=40)
PATIENCE_S = 600.0
STYLES = (
    Style("ink", "Ink", "black and white", "ink drawing of {prompt}, bold", "colour"),
    Style("oil", "Oil painting", "thick strokes", "oil painting of {prompt}"),
)


def model(
    model_id: str, *, schedulers: tuple[str, ...] = ("DPM++ 2M", "Euler a"), upscalers: tuple[Upscaler, ...] = ()
) -> ModelInfo:
    """Return a model of the tests' catalogue."""
    return ModelInfo(
        id=model_id,
        title=model_id.title(),
        family="sd1",
        revision="1",
        licence="MIT",
        description=f"what {model_id} draws",
        sizes=(Size("square", 128, 128), Size("portrait", 128, 192), Size("landscape", 192, 128)),
        size_step=8,
        min_side=64,
        max_side=256,
        steps=20,
        min_steps=1,
        max_steps=60,
        guidance_scale=4.5,
        min_guidance=1.0,
        max_guidance=15.0,
        schedulers=tuple(SchedulerInfo(name, f"what {name} is good for") for name in schedulers),
        scheduler=schedulers[0],
        upscalers=upscalers,
    )


POCKET = model("pocket")
OTHER = model("other", schedulers=("Heun",), upscalers=(Upscaler("Crisp 2", "Crisp", "1", 2),))


def catalog() -> Catalog:
    """Return two models; no worker loads them."""
    source = Source(folder=Path("/nowhere"))
    return Catalog(tuple(ModelEntry(info, source, source) for info in (POCKET, OTHER)))


class Clock:
    """A clock in seconds that moves by `tick` each time it is read, at first not at all."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.tick = 0.0

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


async def nothing() -> None:
    """Let a sleep pass without an event."""


@dataclass
class AilingEngine:
    """An engine that also says of itself what the test says, and counts how often its models were asked for."""

    engine: EngineClient
    troubles: tuple[Trouble, ...] = ()
    looks: int = 0

    def models(self) -> tuple[ModelInfo, ...]:
        self.looks += 1
        return self.engine.models()

    def check(self, recipe: Recipe, tenant: str | None = None) -> None:
        self.engine.check(recipe, tenant)

    def submit(self, request: GenerationRequest) -> Job:
        return self.engine.submit(request)

    def status(self) -> EngineStatus:
        status = self.engine.status()
        return replace(status, troubles=status.troubles + self.troubles)


@dataclass
class House:
    """What outlives the bot's process: the ledger, the engine, and the use cases between them."""

    data_dir: Path
    store: Store
    usecases: Usecases
    worker: FakeExecutor
    engine: AilingEngine
    clock: Clock = field(default_factory=Clock)
    slept: list[float] = field(default_factory=list)
    during_sleep: Callable[[], Awaitable[None]] = nothing
    during_wait: Callable[[], Awaitable[None]] = nothing

    def new_bot(self) -> EaselBot:
        """Return a bot whose delivery never really sleeps, whose clock is the test's, and that is never late."""

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            await self.during_sleep()

        return EaselBot(self.usecases, self.store, clock=self.clock, sleep=sleep, first_answer_s=lambda: PATIENCE_S)


class World:
    """A Discord server with the bot in it, and what people do there."""

    def __init__(self, env: Env, house: House) -> None:
        self.env = env
        self.data_dir = house.data_dir
        self.store = house.store
        self.usecases = house.usecases
        self.worker = house.worker
        self.engine = house.engine
        self.clock = house.clock
        self.slept = house.slept
        self.faults_are_expected = False
        self._house = house
        self._changed = asyncio.Event()
        env.backend.subscribers.append(lambda event, payload: self._changed.set())
        self.guild = env.create_guild("Studio")
        self.channel = self.guild.create_text_channel("art")
        self.painters = self.guild.create_role("Painters")
        moderators = self.guild.create_role("Moderators", permissions=discord.Permissions(manage_guild=True))
        self.ann = self.guild.add_member(env.create_user("ann"))
        self.ben = self.guild.add_member(env.create_user("ben"), roles=[self.painters])
        self.moderator = self.guild.add_member(env.create_user("mod"), roles=[moderators])

    def during_sleep(self, happens: Callable[[], Awaitable[None]]) -> None:
        """Say what happens while the delivery waits to try again."""
        self._house.during_sleep = happens

    def during_wait(self, happens: Callable[[], Awaitable[None]]) -> None:
        """Say what happens while a job that is drawn waits to go on."""
        self._house.during_wait = happens

    @property
    def bot(self) -> EaselBot:
        """The bot that runs now."""
        assert isinstance(self.env.bot, EaselBot)
        return self.env.bot

    async def imagine(
        self, prompt: str = "a red apple", *, by: MemberActor | None = None, **options: Any
    ) -> InteractionResult:
        """Use /imagine, as Ann unless said otherwise."""
        return await (by or self.ann).slash(self.channel, "imagine", prompt=prompt, **options)

    async def drawn(self, prompt: str = "a red apple", **options: Any) -> ResponseMessage:
        """Use /imagine, and return its message once the pictures are there."""
        return await self.delivered(await self.imagine(prompt, **options))

    async def delivered(self, result: InteractionResult) -> ResponseMessage:
        """Return the message of an accepted request once nothing more will happen to it."""
        assert not result.ephemeral, result.response
        await self.settled(result)
        assert result.response is not None
        return result.response

    async def settled(self, result: InteractionResult) -> None:
        """Wait until the bot has nothing more to do about a request."""
        assert result.response is not None
        if result.response.components:  # without buttons it is over
            await self.over(self.generation_id(result.response))

    async def over(self, generation_id: str) -> None:
        """Wait until the bot has nothing more to do about a job."""
        async with asyncio.timeout(PATIENCE_S):
            await self.bot.delivery.wait(generation_id)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that happens in Discord makes the condition true."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await self.change()

    async def change(self) -> None:
        """Wait until anything happens in Discord."""
        self._changed.clear()
        await self._changed.wait()

    async def press(self, member: MemberActor, message: ResponseMessage, label: str) -> InteractionResult:
        """Press the button with that label."""
        return await member.click(message, label=label)

    async def restart(self) -> None:
        """End the bot's process as a crash would, and start another on the same ledger and engine."""
        await self.env.restart_bot(self._house.new_bot())

    def posts(self) -> list[discord.Message]:
        """Return what everyone sees in the channel, oldest first."""
        return [message for message in self.channel.history() if not message.flags.ephemeral]

    def labels(self, message: ResponseMessage | discord.Message) -> list[str]:
        """Return what the buttons of a message say, in reading order."""
        rows = self.env.backend.get_message(self.channel.id, message.id).components
        return [button["label"] for row in rows for button in row["components"]]

    def file(self, message: ResponseMessage | discord.Message) -> bytes:
        """Return the one file that a message shows."""
        (attachment,) = message.attachments
        data = self.env.backend.cdn.get(attachment.url)
        assert data is not None
        return data

    def generation_id(self, message: ResponseMessage | discord.Message) -> str:
        """Return the id that the buttons of a message carry."""
        rows = self.env.backend.get_message(self.channel.id, message.id).components
        return str(rows[0]["components"][0]["custom_id"].split(":")[2])

    async def generation(self, message: ResponseMessage | discord.Message) -> Generation:
        """Return the ledger's record of what a message shows."""
        generation = await self.store.jobs.get(self.generation_id(message))
        assert generation is not None
        return generation

    async def used_today(self, member: MemberActor) -> int:
        """Return how many pictures count for a member's day."""
        _, usage = await self.usecases.quota.of(self.member(member))
        return usage.today

    def restrict_channel(self, age_restricted: bool) -> None:
        """Make the channel age-restricted or not, as the gateway would say; simcord's Discord has no such setting."""
        channel = self.bot.get_channel(self.channel.id)
        assert isinstance(channel, discord.TextChannel)
        channel.nsfw = age_restricted

    def member(self, actor: MemberActor) -> Member:
        """Return someone without roles as the use cases see them."""
        return Member(self.guild.id, actor.id)

    @staticmethod
    def refusal(result: InteractionResult) -> str:
        """Return the sentence of a refusal, which only the member who asked may see."""
        assert result.ephemeral
        assert result.response is not None
        assert result.response.components == []
        return result.response.content


class Parking:
    """Lets a command end while the bot waits for the engine."""

    env: Env

    async def __call__(self, awaitable: Awaitable[T], /) -> T:
        result: T = await self.env.external_wait(awaitable, reason="engine")
        return result


@asynccontextmanager
async def open_house(data_dir: Path, park: Parking, models: Catalog, patience_s: float) -> AsyncIterator[House]:
    """Open a ledger in `data_dir`, which waits so long for other programs, and an engine with one fake worker."""
    worker = FakeExecutor()
    async with (
        open_store(data_dir, LIMITS, patience_s=patience_s) as store,
        open_engine(EngineSettings(), models, [worker]) as engine,
    ):

        async def sleep(seconds: float) -> None:
            await asyncio.sleep(0)
            await house.during_wait()

        ailing = AilingEngine(engine)
        house = House(data_dir, store, build(store, ailing, styles=STYLES, park=park, sleep=sleep), worker, ailing)
        yield house


@asynccontextmanager
async def open_world(house: House, park: Parking) -> AsyncIterator[World]:
    """Open a server, and start the bot of a house in it."""
    env = Env(house.new_bot(), shard_count=1, check_errors=False, settle_timeout=PATIENCE_S)
    park.env = env
    await env.start()
    try:
        yield World(env, house)
    finally:
        await env.shutdown()


@pytest.fixture
def models() -> Catalog:
    """What the bot draws with; a test's own may take its place."""
    return catalog()


@pytest.fixture
def patience_s() -> float:
    """How long the ledger waits for another program that holds its database; a test's own may take its place."""
    return PATIENCE_S


@pytest.fixture
async def world(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, models: Catalog, patience_s: float
) -> AsyncIterator[World]:
    """A server in which the bot has just started."""
    park = Parking()
    async with open_house(tmp_path, park, models, patience_s) as house:
        async with open_world(house, park) as world:
            yield world
        if not world.faults_are_expected:
            assert not [error for error in world.env.errors if not _foreseen(error)]
            assert not [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]


def _foreseen(error: BaseException) -> bool:
    """Return whether a member was told what is wrong, which simcord takes for an error of the bot."""
    original = getattr(error, "original", error)
    return isinstance(original, Refusal | EngineError | app_commands.AppCommandError)
