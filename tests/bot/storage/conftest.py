"""A real ledger on disk, and what is needed to put jobs into it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import pytest

from bot.domain.policy import GuildPolicy, Limits, Usage
from bot.domain.records import Generation, JobKind, Place
from bot.storage import Check, NewJob, Store, open_store
from engine.api import Fault, Finished, ImageResult, ImageSeed, Provenance, Recipe, ReviewedImage, Verdict

LIMITS = Limits(pictures_per_request=4, pictures_per_day=20, pictures_at_once=8, largest_side=1024, most_steps=50)
FACTS = Provenance("fake-0", "cpu", 2, "float32", (("torch", "2.13.0"),), 1.5)
GUILD = 11
DAY_S = 86_400.0
NOON = 1_800_014_400.0  # of some day, UTC


class Clock:
    """Tells the time that the test says."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def allow_all(policy: GuildPolicy, usage: Usage) -> None:
    """Accept whatever comes."""


def picture(text: str) -> ReviewedImage:
    """Return a picture whose file holds the text."""
    data = text.encode()
    pixels = hashlib.sha256(b"pixels of " + data).hexdigest()
    return ReviewedImage(data, "image/png", 64, 64, pixels, hashlib.sha256(data).hexdigest())


class Ledger:
    """An open store with short ways to fill it. `reopen` is a stop and a start of the bot."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.clock = Clock()
        self.store: Store
        self._stack = AsyncExitStack()
        self._numbers = count(1)

    async def open(self, **assurances: bool) -> None:
        self.store = await self._stack.enter_async_context(
            open_store(self.data_dir, LIMITS, clock=self.clock, **assurances)
        )

    async def close(self) -> None:
        await self._stack.aclose()

    async def reopen(self, **assurances: bool) -> None:
        await self.close()
        await self.open(**assurances)

    async def pass_days(self, days: int) -> None:
        """Let days pass in which the bot runs, as the ledger can tell from what is recorded on each of them."""
        for _ in range(days):
            self.clock.now += DAY_S
            await self.store.set_commands_hash("as before")

    def job(
        self, images: int = 1, *, user: int = 1, guild: int = GUILD, press: str | None = None, at: float | None = None
    ) -> NewJob:
        number = next(self._numbers)
        seeds = tuple(ImageSeed(seed) for seed in range(images))
        return NewJob(
            id=f"job{number:07}",
            kind=JobKind.IMAGINE,
            recipe=Recipe("pocket", "1", "a red apple", "", 64, 64, 20, 4.5, "Euler", seeds),
            user_id=user,
            place=Place(guild, 22),
            accepted_at=self.clock.now if at is None else at,
            press=press,
        )

    async def accepted(
        self,
        images: int = 1,
        *,
        user: int = 1,
        guild: int = GUILD,
        press: str | None = None,
        at: float | None = None,
        check: Check = allow_all,
    ) -> Generation:
        job = self.job(images, user=user, guild=guild, press=press, at=at)
        (generation,) = await self.store.jobs.accept([job], check)
        return generation

    async def running(self, images: int = 1, *, user: int = 1) -> Generation:
        return await self.store.jobs.start((await self.accepted(images, user=user)).id)

    async def finished(
        self, texts: Sequence[str | Verdict] = ("a picture",), grid: str | None = None, *, user: int = 1
    ) -> Generation:
        """Finish a job whose images are files with these texts, or have these verdicts."""
        generation = await self.running(len(texts), user=user)
        return await self.store.finish(generation.id, self.result(texts, grid))

    def result(self, texts: Sequence[str | Verdict], grid: str | None = None) -> Finished:
        images = [
            ImageResult(index, text, "as planned", fault=Fault.NOT_FINITE if text is Verdict.ERROR else None)
            if isinstance(text, Verdict)
            else ImageResult(index, Verdict.ALLOW, image=picture(text))
            for index, text in enumerate(texts)
        ]
        return Finished(tuple(images), picture(grid) if grid else None, FACTS)

    async def get(self, generation: Generation) -> Generation:
        found = await self.store.jobs.get(generation.id)
        assert found is not None
        return found

    def files(self) -> set[str]:
        """Return what the picture files hold."""
        return {path.read_text() for path in (self.data_dir / "pictures").rglob("*") if path.is_file()}

    def file(self, text: str) -> Path:
        """Return where the picture with this text is kept."""
        name = picture(text).file_sha256
        return self.data_dir / "pictures" / name[:2] / name


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """An empty ledger."""
    ledger = Ledger(tmp_path / "data")
    await ledger.open()
    yield ledger
    await ledger.close()
