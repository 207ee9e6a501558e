"""The ledger and the picture store: the only SQL, the only files."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.domain.policy import GuildPolicy, Limits
from bot.domain.records import Generation, JobState
from bot.storage.check import check_ledger
from bot.storage.database import PATIENCE_S, Database, open_database
from bot.storage.errors import CannotSave, DatabaseBusy, IllegalMove, PressUnderWay, StorageError
from bot.storage.files import QUARANTINE_FOLDER_NAME
from bot.storage.folder import held_folder
from bot.storage.guilds import Guilds
from bot.storage.inputs import Inputs
from bot.storage.interactions import Interactions
from bot.storage.jobs import Check, Jobs, NewJob
from bot.storage.pictures import Pictures
from bot.storage.results import allowed_pictures
from bot.storage.schema import migrate
from bot.storage.times import clock_doubt
from engine.api import Finished, InputWithheld, Trouble

__all__ = [
    "CannotSave",
    "Check",
    "DatabaseBusy",
    "Guilds",
    "IllegalMove",
    "Inputs",
    "Interactions",
    "Jobs",
    "NewJob",
    "Pictures",
    "PressUnderWay",
    "StorageError",
    "Store",
    "check_ledger",
    "held_folder",
    "migrate",
    "open_store",
]

log = logging.getLogger(__name__)

_WITHOUT_BUTTONS = frozenset({JobState.FAILED, JobState.CANCELLED, JobState.DELETED})


class Store:
    """Everything the bot keeps.

    Args:
        jobs: jobs and their results.
        guilds: what moderators decided.
        pictures: reviewed picture files.
        inputs: files that members uploaded.
        interactions: those whose answer waits for a job.
    """

    def __init__(self, database: Database, defaults: GuildPolicy, data_dir: Path, clock: Callable[[], float]) -> None:
        self._database = database
        self._data_dir = data_dir
        self._clock = clock
        self._news: list[str] = []
        self.guilds = Guilds(database, defaults)
        self.jobs = Jobs(database, self.guilds)
        self.pictures = Pictures(database, data_dir)
        self.inputs = Inputs(database, data_dir)
        self.interactions = Interactions(database)

    async def accept(self, jobs: Sequence[NewJob], check: Check) -> tuple[Generation, ...]:
        """Keep what was uploaded with jobs, files first, then record them as `Jobs.accept` does."""
        await self.settle_failures()
        async with self.inputs.keeping({sha256: data for job in jobs for sha256, data in job.uploads.items()}):
            return await self.jobs.accept(jobs, check)

    async def finish(self, job_id: str, result: Finished) -> Generation:
        """Keep a job's pictures, files first, then record its results: running -> finished.

        Raises:
            IllegalMove: the job is not running (any more).
            StorageError: files or rows cannot be written.
        """
        async with self.pictures.keeping(allowed_pictures(result)):
            # Never earlier than what is recorded already: a clock that is behind would make new pictures old ones.
            made_at = max(self._clock(), self._database.clock_at or 0.0)
            return await self.jobs.finish(job_id, result, made_at)

    async def settle(self) -> None:
        """Record the ends of jobs that could not be recorded when they came, and free what these started from.

        Keys to interactions that open nothing any more go, too.
        """
        await self.interactions.drop_expired(self._clock())
        await self.settle_failures()

    async def settle_failures(self) -> None:
        """Record failures of jobs that are owed, as far as that is possible now, and free what these started from."""
        for generation in await self.jobs.settle():
            await self.drop_inputs(generation)

    async def read_start(self, sha256: str) -> bytes | None:
        """Return a file to start from: one that was uploaded, or a reviewed picture. None if it is gone."""
        data = await self.inputs.read(sha256)
        return await self.pictures.read_file(sha256) if data is None else data

    async def delete(self, job_id: str) -> Generation:
        """Record a generation as deleted, then remove its files. Raises IllegalMove if it was deleted before."""
        generation = await self.jobs.delete(job_id, self._clock())
        try:
            await self.pictures.forget_job(job_id, self._clock())
        except StorageError as error:
            log.warning("The pictures of the deleted %s stay until the next clean-up: %s", job_id, error)
        await self.drop_inputs(generation)
        return generation

    async def drop_inputs(self, generation: Generation) -> None:
        """Remove what a job that is over started from, if it will not be drawn again and nothing else needs it.

        What the safety gate held back is removed from all others, too.
        """
        if generation.state not in _WITHOUT_BUTTONS:
            return
        blocked = isinstance(generation.error, InputWithheld)
        try:
            await self.inputs.forget_job(generation.id, self._clock(), whoever_needs_them=blocked)
        except StorageError as error:
            log.warning("What %s started from stays until the next clean-up: %s", generation.id, error)

    async def forget_pictures(self, older_than_s: float) -> int:
        """Remove the files of generations that ended longer ago, and of what they started from, keeping every record.

        While the clock may be wrong, no file is removed for its age. Files that no record knows are set aside.

        Returns how many were removed.
        """
        await self.set_strangers_aside()
        now = self._clock()
        doubt = self._clock_doubt()
        if doubt is not None:
            log.warning(doubt)
        than = -math.inf if doubt else now - older_than_s
        return await self.pictures.forget_older(than, now) + await self.inputs.forget_older(than, now)

    async def set_strangers_aside(self) -> None:
        """Move files that no record knows to the quarantine, and tell the owner."""
        moved = await self.pictures.shelf.tidy() + await self.inputs.shelf.tidy()
        if moved:
            self._tell(
                f"{moved} {'file' if moved == 1 else 'files'} that no record knows moved to "
                f"{self._data_dir / QUARANTINE_FOLDER_NAME}. After a crash that is work that was drawn again since. If "
                "you put an older database back, they are what it lacks. Nothing there is ever removed: look at it, "
                "and delete what you do not need."
            )

    async def trust_clock(self) -> None:
        """Take the clock for right, because the owner says so; records from its future become records of now."""
        now = self._clock()
        async with self._database.write() as transaction:
            await transaction.run("UPDATE ledger SET clock_at = :now", {"now": now})
            await transaction.run("UPDATE jobs SET accepted_at = :now WHERE accepted_at > :now", {"now": now})
            await transaction.run("UPDATE jobs SET ended_at = :now WHERE ended_at > :now", {"now": now})

    def troubles(self) -> tuple[Trouble, ...]:
        """Return what the owner has to see to; empty when all is well."""
        full = self._database.trouble or self.pictures.shelf.trouble or self.inputs.shelf.trouble
        sentences = {"disk": full and f"{full} Until then nothing can be drawn.", "clock": self._clock_doubt()}
        return tuple(Trouble(about, sentence) for about, sentence in sentences.items() if sentence)

    def take_news(self) -> tuple[str, ...]:
        """Return what has happened that the owner was not told yet, and forget it."""
        news, self._news = tuple(self._news), []
        return news

    async def prepare(self, adopted: str | None, *, clock_is_right: bool) -> None:
        """Get ready for the first job: see to what a stop has left.

        Args:
            adopted: what was wrong with the database, which the owner wants to go on with; None for nothing.
            clock_is_right: the owner says so.
        """
        if adopted:
            # All of it before the mark says that this is the right database, or none.
            await self._adopt(adopted)
        else:
            await self._database.note()
        if clock_is_right:
            await self.trust_clock()
        try:
            for shelf in (self.pictures.shelf, self.inputs.shelf):
                await shelf.remove_unfinished()
            await self.set_strangers_aside()
        except StorageError as error:
            log.error("What a stop has left stays until the next clean-up: %s", error)

    async def _adopt(self, doubt: str) -> None:
        """Go on with a database that is not the one which was used last, and tell the owner. This sets the mark."""
        ended = await self.jobs.end_in_hand(self._clock())
        count = "1 generation" if ended == 1 else f"{ended} generations"
        lost = (
            f"{count} that it had still to draw or post ended, and nothing is posted of them: what became of them "
            "since is not known. Their members can ask again. "
        )
        self._tell(
            f"{doubt} Easel goes on with it, as it was told. {lost if ended else ''}What servers have decided is what "
            "this database says: their moderators should look at /admin words list, /admin models list and /admin "
            "limits show."
        )

    def _clock_doubt(self) -> str | None:
        return clock_doubt(self._clock(), self._database.clock_at)

    def _tell(self, sentence: str) -> None:
        log.warning(sentence)
        self._news.append(sentence)

    async def commands_hash(self) -> str | None:
        """Return the hash of the command tree that Discord was last told of, or None."""
        row = await self._database.one("SELECT value FROM bot_state WHERE name = 'commands_hash'")
        return row["value"] if row else None

    async def set_commands_hash(self, value: str) -> None:
        """Record the hash of the command tree that Discord was told of."""
        async with self._database.write() as transaction:
            await transaction.run(
                """
                INSERT INTO bot_state (name, value) VALUES ('commands_hash', :value)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
                """,
                {"value": value},
            )


@asynccontextmanager
async def open_store(
    data_dir: Path,
    defaults: Limits,
    *,
    previews: bool = True,
    clock: Callable[[], float] = time.time,
    adopt: bool = False,
    clock_is_right: bool = False,
    patience_s: float = PATIENCE_S,
) -> AsyncIterator[Store]:
    """Open the store in `data_dir`, migrated; at the end record what is owed, and close it.

    No other process can open it meanwhile.

    Args:
        data_dir: created if missing.
        defaults: limits of guilds that did not choose their own.
        previews: whether messages show previews in guilds that did not choose.
        clock: seconds since the epoch.
        adopt: the owner wants to go on with a database that is missing, empty, older than the files, or another one.
        clock_is_right: the owner says so, although the clock is days ahead of the newest record, or behind it.
        patience_s: how long to wait for another program that holds the database, once it is open.

    Raises:
        StorageError: another bot has it open, or the database is newer than the code, damaged, locked, or cannot be
            written, or is not the one that belongs here.
    """
    with held_folder(data_dir):
        adopted = await asyncio.to_thread(check_ledger, data_dir, adopt=adopt)
        async with open_database(data_dir, patience_s, clock) as database:
            store = Store(database, GuildPolicy(defaults, previews=previews), data_dir, clock)
            await store.prepare(adopted, clock_is_right=clock_is_right)
            try:
                yield store
            finally:
                await store.settle_failures()
