"""The ledger and the picture store: the only SQL, the only files."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.policy import GuildPolicy, Limits
from bot.records import Generation, JobState
from bot.storage.database import Database, open_database
from bot.storage.errors import DatabaseBusy, IllegalMove, PressUnderWay, StorageError
from bot.storage.folder import held_folder
from bot.storage.guilds import Guilds
from bot.storage.inputs import INPUTS_FOLDER_NAME, Inputs
from bot.storage.interactions import Interactions
from bot.storage.jobs import Check, Jobs, NewJob
from bot.storage.pictures import FOLDER_NAME, Pictures
from bot.storage.results import allowed_pictures
from bot.storage.schema import migrate
from engine.api import Finished, InputWithheld

__all__ = [
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
        inputs: files that members handed in.
        interactions: those whose answer waits for a job.
    """

    def __init__(self, database: Database, defaults: GuildPolicy, data_dir: Path, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self.guilds = Guilds(database, defaults)
        self.jobs = Jobs(database, self.guilds)
        self.pictures = Pictures(database, data_dir / FOLDER_NAME)
        self.inputs = Inputs(database, data_dir / INPUTS_FOLDER_NAME)
        self.interactions = Interactions(database)

    async def accept(self, jobs: Sequence[NewJob], check: Check) -> tuple[Generation, ...]:
        """Keep what was handed in with jobs, files first, then record them as `Jobs.accept` does."""
        async with self.inputs.keeping({sha256: data for job in jobs for sha256, data in job.uploads.items()}):
            return await self.jobs.accept(jobs, check)

    async def finish(self, job_id: str, result: Finished) -> Generation:
        """Keep a job's pictures, files first, then record its results: running -> finished.

        Raises:
            IllegalMove: the job is not running (any more).
            StorageError: files or rows cannot be written.
        """
        async with self.pictures.keeping(allowed_pictures(result)):
            return await self.jobs.finish(job_id, result, self._clock())

    async def read_start(self, sha256: str) -> bytes | None:
        """Return a file to start from: one that was handed in, or a reviewed picture. None if it is gone."""
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

        Returns how many files.
        """
        now = self._clock()
        forgotten = await self.pictures.forget_older(now - older_than_s, now)
        return forgotten + await self.inputs.forget_older(now - older_than_s, now)

    async def commands_hash(self) -> str | None:
        """Return the hash of the command tree that Discord was last told of, or None."""
        async with self._database.read() as transaction:
            row = await transaction.one("SELECT value FROM bot_state WHERE name = 'commands_hash'")
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
    data_dir: Path, defaults: Limits, *, previews: bool = True, clock: Callable[[], float] = time.time
) -> AsyncIterator[Store]:
    """Open the store in `data_dir`, migrated; close it at the end. No other process can open it meanwhile.

    Args:
        data_dir: created if missing.
        defaults: limits of guilds that did not choose their own.
        previews: whether messages show previews in guilds that did not choose.
        clock: seconds since the epoch.

    Raises:
        StorageError: another bot has it open, or the database is newer than the code, damaged, locked, or cannot be
            written.
    """
    with held_folder(data_dir):
        async with open_database(data_dir) as database:
            yield Store(database, GuildPolicy(defaults, previews=previews), data_dir, clock)
