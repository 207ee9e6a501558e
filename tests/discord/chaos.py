"""Many requests while bot and workers are killed at random, and some requests kill whatever draws them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from bot.domain.policy import Limits
from bot.domain.records import UNFINISHED
from bot.storage import open_store
from bot.texts.refusals import ENDS_WORKERS
from bot.usecases.attempts import MOST_DEATHS
from engine.api import EndsWorkers, Verdict
from tests.discord.process import EaselProcess
from tests.discord.server import FakeDiscord
from tests.discord.values import Member
from tests.discord.worker import POISON_STEPS

MEMBERS = 6
MOST_WAITING = 8
ONE_IN = 12
"""One in so many requests is poison."""
INNOCENT_STEPS = 3
LIMITS = {"EASEL_LIMITS__PICTURES_PER_DAY": "100000", "EASEL_LIMITS__PICTURES_AT_ONCE": "1000"}
UNFINISHED_STATES = ", ".join(f"'{state}'" for state in UNFINISHED)


class Chaos:
    """One run, which its seed decides as far as processes let it.

    Args:
        discord: where the members are.
        data_dir: the bot's folder.
        seed: of what is asked and when who is killed.
        jobs: that have to be accepted.
        kills: of bot and workers.
        patience_s: far more than the run can take.
        workers, worker: as for `EaselProcess`.
    """

    def __init__(
        self,
        discord: FakeDiscord,
        data_dir: Path,
        seed: int,
        *,
        jobs: int,
        kills: int,
        patience_s: float,
        workers: int = 2,
        worker: str = "fake",
    ) -> None:
        guild = discord.state.new_guild("Studio")
        discord.state.new_channel(guild, "art")
        names = (f"member-{number}" for number in range(MEMBERS))
        self._members = [discord.state.new_member(guild, discord.state.new_user(name)) for name in names]
        self._discord = discord
        self._data_dir = data_dir
        # One for each task, so that neither changes what the other does.
        self._asking, self._killing = random.Random(f"asks {seed}"), random.Random(f"kills {seed}")
        self._jobs = jobs
        self._kills = kills
        self._patience_s = patience_s
        self.easel = EaselProcess(data_dir, discord, workers=workers, worker=worker, environment=LIMITS)
        self.killed: Counter[str] = Counter()
        self.poisoned = 0
        self._starts = 0

    async def run(self) -> None:
        """Ask, kill, wait until all is over, and stop the bot in order."""
        try:
            async with asyncio.timeout(self._patience_s):
                await self.easel.start()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._kill())
                    group.create_task(self._ask())
                await self._until(lambda: self._count("told = 0") == 0)
                self.easel.kill(signal.SIGTERM)
                assert await self.easel.ended() == 0
        finally:
            await self.easel.close()

    async def _ask(self) -> None:
        number = 0
        while self._count() < self._jobs or self.killed.total() < self._kills:
            await self._until(lambda: self._count("told = 0") < MOST_WAITING)
            number += 1
            steps = POISON_STEPS if number % ONE_IN == 0 else INNOCENT_STEPS
            await self._ask_once(self._asking.choice(self._members), f"apple {number}", steps)

    async def _ask_once(self, member: Member, prompt: str, steps: int) -> None:
        """Ask, and wait for the answer, or for the end of the bot that was asked."""
        starts = self._starts
        asked = await self._discord.command(
            member, "imagine", is_patient=False, prompt=prompt, steps=steps, size="64x64"
        )
        await self._until(lambda: asked.answer is not None or self._starts > starts)

    async def _kill(self) -> None:
        pace = max(2, 5 * self._jobs // self._kills)
        victims = ["bot", "worker"] * self._kills
        del victims[self._kills :]
        self._killing.shuffle(victims)
        while self.killed.total() < self._kills:
            await self._pass(self._killing.randint(1, pace))
            victim = victims[self.killed.total()]
            if victim == "worker":
                await self._until(lambda: bool(self.easel.workers))
            await self._until(lambda: not self._would_blame_an_innocent())
            self.killed[victim] += 1
            if victim == "bot":
                self.easel.kill()
                await self.easel.ended()
                await self.easel.start()
                self._starts += 1
                self._discord.state.changes.tell()
            else:
                with suppress(ProcessLookupError, IndexError):
                    os.kill(self._killing.choice(self.easel.workers), signal.SIGKILL)

    def _would_blame_an_innocent(self) -> bool:
        """Tell whether a kill may be the last death that a job may have: chance must not look like poison."""
        rows = self._rows(f"SELECT state, attempts, json FROM {JOBS} WHERE state IN ({UNFINISHED_STATES})")
        return any(not is_poison(row) and row["attempts"] >= MOST_DEATHS - (row["state"] == "accepted") for row in rows)

    async def _pass(self, number: int) -> None:
        """Let so many things happen."""
        happened = iter(range(number))
        await self._until(lambda: next(happened, None) is None)

    async def _until(self, condition: Any) -> None:
        await self._discord.state.changes.until(condition, self._patience_s)

    def _count(self, where: str = "1") -> int:
        (row,) = self._rows(f"SELECT COUNT(*) AS number FROM jobs WHERE {where}")
        return int(row["number"])

    def _rows(self, query: str) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self._data_dir / "easel.sqlite3", timeout=60)) as ledger:
            ledger.row_factory = sqlite3.Row
            return ledger.execute(query).fetchall()

    async def check(self) -> None:
        """See that each innocent job was delivered once, each poison job ended once, and no file is lost."""
        jobs = self._rows(f"SELECT jobs.id, state, json FROM {JOBS}")
        assert len(jobs) >= self._jobs
        # Under a result, also one that the gate held back: a real worker's pictures are judged.
        shown = Counter(
            button["custom_id"].split(":")[2]
            for message in self._discord.state.posts()
            for button in message.now.buttons
            if button["custom_id"].startswith("easel:reroll:")
        )
        excuses = [message.content for message in self._discord.state.posts() if ENDS_WORKERS in message.content]
        poison = {job["id"] for job in jobs if is_poison(job)}
        self.poisoned = len(poison)
        assert {job["id"]: job["state"] for job in jobs} == {
            job["id"]: "failed" if job["id"] in poison else "delivered" for job in jobs
        }
        innocent = {job["id"] for job in jobs} - poison
        assert (shown - Counter(innocent), Counter(innocent) - shown) == (Counter(), Counter())
        assert len(excuses) == len(poison)
        async with open_store(self._data_dir, Limits(4, 1, 1, 128, 60)) as store:
            for job in jobs:
                generation = await store.jobs.get(job["id"])
                assert generation is not None
                assert isinstance(generation.error, EndsWorkers) == (job["id"] in poison)
                for picture in generation.pictures:
                    is_kept = await store.pictures.read(job["id"], picture.index) is not None
                    assert is_kept == (picture.verdict is Verdict.ALLOW)
        (verdict,) = self._rows("PRAGMA quick_check")
        assert verdict[0] == "ok"


JOBS = "jobs JOIN recipes ON sha256 = recipe_sha256"


def is_poison(row: sqlite3.Row) -> bool:
    """Tell whether a job, given with its recipe, ends whatever draws it."""
    return f'"steps":{POISON_STEPS}' in row["json"].replace(" ", "")
