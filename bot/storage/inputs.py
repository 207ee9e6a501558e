"""Files that members uploaded: kept for the engine alone, as long as a generation may be drawn from them again."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

from bot.storage.database import Database, Transaction
from bot.storage.files import Files
from bot.storage.shelf import Shelf

INPUTS_FOLDER_NAME = "inputs"

log = logging.getLogger(__name__)

# A file's time is past when some job started from it and none of them holds it. It is held by every job that will be
# drawn from it, and by those that ended with pictures, unless that was before :since. A job that ended without any has
# no buttons that could ask for it again.
_JOBS = "SELECT 1 FROM job_inputs JOIN jobs ON jobs.id = job_inputs.job_id WHERE job_inputs.sha256 = inputs.sha256"
_PAST = f"""
EXISTS ({_JOBS}) AND NOT EXISTS (
    {_JOBS} AND (
        jobs.state IN ('accepted', 'running')
        OR jobs.state IN ('finished', 'delivered') AND (jobs.ended_at IS NULL OR jobs.ended_at >= :since)
    )
)
"""
_OF_JOB = "sha256 IN (SELECT sha256 FROM job_inputs WHERE job_id = :job)"


class Inputs:
    """Keeps, reads and forgets what was uploaded; `shelf` holds it.

    `RunningJobs` alone gets it, for the engine to judge.
    """

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self._files = Files(data_dir, INPUTS_FOLDER_NAME)
        self.shelf = Shelf(database, self._files, "inputs", "sha256")

    def keeping(self, uploads: Mapping[str, bytes]) -> AbstractAsyncContextManager[None]:
        """Write files by their SHA-256; inside the block, the caller commits the rows that name them.

        Raises:
            StorageError: a file cannot be written.
        """
        return self.shelf.keeping(uploads) if uploads else nullcontext()

    async def read(self, sha256: str) -> bytes | None:
        """Return a file that was uploaded; None if it never was, is forgotten, or is harmed."""
        row = await self._database.one(
            "SELECT 1 FROM inputs WHERE sha256 = :name AND forgotten_at IS NULL", {"name": sha256}
        )
        if row is None:
            return None
        try:
            data = await self._files.read(sha256)
        except OSError as error:
            log.warning("What was uploaded as %s cannot be read: %s", self._files.path(sha256), error)
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    async def forget_job(self, job_id: str, now: float, *, whoever_needs_them: bool = False) -> int:
        """Remove what a job started from, except what others still need. Returns how many files.

        Args:
            job_id: of a job that is over.
            now: seconds since the epoch.
            whoever_needs_them: remove it from all others, too: the safety gate does not allow it.
        """
        condition = _OF_JOB if whoever_needs_them else f"{_OF_JOB} AND {_PAST}"
        return await self.shelf.forget(condition, {"job": job_id, "since": -math.inf}, now)

    async def forget_older(self, than: float, now: float) -> int:
        """Remove what only jobs that ended before `than`, or without pictures, started from. Returns how many files."""
        return await self.shelf.forget(_PAST, {"since": than}, now)


async def insert_inputs(
    transaction: Transaction, job_id: str, uploads: Collection[str], named: Collection[str]
) -> None:
    """Record what was uploaded with a job, and all of it that its recipe names, now or from an older job.

    Args:
        transaction: that accepts the job.
        job_id: the job.
        uploads: hashes of the files that were uploaded with it.
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
