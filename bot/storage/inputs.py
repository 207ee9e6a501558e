"""Files that members handed in: kept for the engine alone, as long as a generation may be drawn from them again."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bot.storage.database import Database, Transaction
from bot.storage.files import Files

INPUTS_FOLDER_NAME = "inputs"

log = logging.getLogger(__name__)

# A file is held by every job that will be drawn from it, and by those that ended with pictures at or after :since. A
# job that ended without any has no buttons that could ask for it again.
_NOT_HELD = """
NOT EXISTS (
    SELECT 1 FROM job_inputs JOIN jobs ON jobs.id = job_inputs.job_id
    WHERE job_inputs.sha256 = inputs.sha256
    AND (jobs.state IN ('accepted', 'running') OR jobs.state IN ('finished', 'delivered') AND jobs.ended_at >= :since)
)
"""
_OF_JOB = "sha256 IN (SELECT sha256 FROM job_inputs WHERE job_id = :job)"


class Inputs:
    """Keeps, reads and forgets what was handed in. Never gives it to anyone but `Draw`, for the engine to judge."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._files = Files(folder)
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def keeping(self, uploads: Mapping[str, bytes]) -> AsyncIterator[None]:
        """Write files by their SHA-256; inside the block, the caller commits the rows that name them.

        Nothing is forgotten meanwhile. If the block raises, files that no row names are removed again.

        Raises:
            StorageError: a file cannot be written.
        """
        if not uploads:
            yield
            return
        async with self._lock:
            try:
                await self._files.write(uploads)
                yield
            except BaseException:
                await self._remove_rowless({self._files.path(sha256) for sha256 in uploads})
                raise

    async def read(self, sha256: str) -> bytes | None:
        """Return a file that was handed in; None if it never was, is forgotten, or is harmed."""
        async with self._database.read() as transaction:
            row = await transaction.one(
                "SELECT 1 FROM inputs WHERE sha256 = :name AND forgotten_at IS NULL", {"name": sha256}
            )
        if row is None:
            return None
        try:
            data = await self._files.read(sha256)
        except OSError as error:
            log.warning("What was handed in as %s cannot be read: %s", self._files.path(sha256), error)
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    async def forget_job(self, job_id: str, now: float, *, whoever_needs_them: bool = False) -> int:
        """Remove what a job started from, except what others still need. Returns how many files.

        Args:
            job_id: of a job that is over.
            now: seconds since the epoch.
            whoever_needs_them: remove it from all others, too: the safety gate does not allow it.
        """
        condition = _OF_JOB if whoever_needs_them else f"{_OF_JOB} AND {_NOT_HELD}"
        async with self._lock:
            return await self._forget(condition, {"job": job_id, "since": 0.0}, now)

    async def forget_older(self, than: float, now: float) -> int:
        """Remove what only jobs that ended before `than`, or without pictures, started from; and what no row names."""
        async with self._lock:
            forgotten = await self._forget(_NOT_HELD, {"since": than}, now)
            return forgotten + await self._remove_rowless(await asyncio.to_thread(self._files.paths))

    async def _remove_rowless(self, paths: set[Path]) -> int:
        async with self._database.read() as transaction:
            rows = await transaction.all("SELECT sha256 FROM inputs WHERE forgotten_at IS NULL")
        rowless = paths - {self._files.path(row["sha256"]) for row in rows}
        await self._files.remove(rowless)
        return len(rowless)

    async def _forget(self, condition: str, values: Mapping[str, float | str], now: float) -> int:
        # Files go first, as with pictures: a stop in between leaves rows without files.
        async with self._database.read() as transaction:
            rows = await transaction.all(
                f"SELECT sha256 FROM inputs WHERE forgotten_at IS NULL AND {condition}", dict(values)
            )
        names = [row["sha256"] for row in rows]
        await self._files.remove([self._files.path(name) for name in names])
        async with self._database.write() as transaction:
            await transaction.run_many(
                "UPDATE inputs SET forgotten_at = :now WHERE sha256 = :name",
                [{"now": now, "name": name} for name in names],
            )
        return len(names)


async def insert_inputs(
    transaction: Transaction, job_id: str, uploads: Collection[str], named: Collection[str]
) -> None:
    """Record what was handed in with a job, and all of it that its recipe names, now or from an older job.

    Args:
        transaction: that accepts the job.
        job_id: the job.
        uploads: hashes of the files that were handed in with it.
        named: hashes that its recipe names; those of reviewed pictures are none of ours.
    """
    await transaction.run_many(
        "INSERT INTO inputs (sha256) VALUES (:sha256) ON CONFLICT (sha256) DO UPDATE SET forgotten_at = NULL",
        [{"sha256": sha256} for sha256 in uploads],
    )
    await transaction.run_many(
        "INSERT OR IGNORE INTO job_inputs (job_id, sha256) SELECT :job, sha256 FROM inputs WHERE sha256 = :sha256",
        [{"job": job_id, "sha256": sha256} for sha256 in named],
    )
