"""Reviewed picture files, named by their hash, and the one place in the bot that reads them back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from bot.storage.database import Database, Row
from bot.storage.files import Files
from engine.api import ReviewedImage

FOLDER_NAME = "pictures"

log = logging.getLogger(__name__)

# A file is held by every generation that shows it, is not deleted, and ended at or after :since.
_NOT_HELD = """
NOT EXISTS (
    SELECT 1 FROM images JOIN jobs ON jobs.id = images.job_id
    WHERE images.file_sha256 = files.file_sha256 AND jobs.state <> 'deleted' AND jobs.ended_at >= :since
) AND NOT EXISTS (
    SELECT 1 FROM jobs
    WHERE jobs.grid_file = files.file_sha256 AND jobs.state <> 'deleted' AND jobs.ended_at >= :since
)
"""

_OF_JOB = """
file_sha256 IN (
    SELECT file_sha256 FROM images WHERE job_id = :job AND file_sha256 IS NOT NULL
    UNION
    SELECT grid_file FROM jobs WHERE id = :job AND grid_file IS NOT NULL
)
"""


class Pictures:
    """Keeps, reads and forgets picture files."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._files = Files(folder)
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def keeping(self, pictures: Iterable[ReviewedImage]) -> AsyncIterator[None]:
        """Write the pictures' files; inside the block, the caller commits the rows that refer to them.

        Nothing is forgotten meanwhile, so that a file is never removed between its writing and its row.

        Raises:
            StorageError: a file cannot be written.
        """
        kept = tuple(pictures)
        async with self._lock:
            await self._files.write({picture.file_sha256: picture.data for picture in kept})
            try:
                yield
            except BaseException:
                await self._remove_rowless({self._files.path(picture.file_sha256) for picture in kept})
                raise

    async def read(self, job_id: str, index: int) -> ReviewedImage | None:
        """Return an image of a generation; None unless its verdict is ALLOW and its file is there, unharmed."""
        async with self._database.read() as transaction:
            row = await transaction.one(
                """
                SELECT files.* FROM images JOIN files USING (file_sha256)
                WHERE job_id = :job AND image_index = :image AND verdict = 'allow'
                """,
                {"job": job_id, "image": index},
            )
        return await self._rebuild(row)

    async def read_file(self, file_sha256: str) -> bytes | None:
        """Return a picture that some generation was allowed to show; None if its file is gone or harmed."""
        async with self._database.read() as transaction:
            row = await transaction.one("SELECT * FROM files WHERE file_sha256 = :name", {"name": file_sha256})
        picture = await self._rebuild(row)
        return picture.data if picture else None

    async def read_grid(self, job_id: str) -> ReviewedImage | None:
        """Return the grid of a generation's allowed pictures; None if there is none or its file is gone or harmed."""
        async with self._database.read() as transaction:
            row = await transaction.one(
                "SELECT files.* FROM jobs JOIN files ON file_sha256 = grid_file WHERE jobs.id = :job", {"job": job_id}
            )
        return await self._rebuild(row)

    async def forget_job(self, job_id: str, now: float) -> int:
        """Remove a deleted generation's files, except those that other generations show. Returns how many."""
        async with self._lock:
            return await self._forget(f"{_OF_JOB} AND {_NOT_HELD}", {"job": job_id, "since": 0.0}, now)

    async def forget_older(self, than: float, now: float) -> int:
        """Remove the files that only deleted generations, or those ended before `than`, show.

        Also removes files that no row knows, left by a stop between a file and its row. Returns how many in all.
        """
        async with self._lock:
            forgotten = await self._forget(_NOT_HELD, {"since": than}, now)
            return forgotten + await self._remove_rowless(await asyncio.to_thread(self._files.paths))

    async def _remove_rowless(self, paths: set[Path]) -> int:
        async with self._database.read() as transaction:
            rows = await transaction.all("SELECT file_sha256 FROM files WHERE forgotten_at IS NULL")
        rowless = paths - {self._files.path(row["file_sha256"]) for row in rows}
        await self._files.remove(rowless)
        return len(rowless)

    async def _forget(self, condition: str, values: dict[str, float | str], now: float) -> int:
        # Files go first: a stop in between leaves rows without files, which the next sweep takes up again.
        async with self._database.read() as transaction:
            rows = await transaction.all(
                f"SELECT file_sha256 FROM files WHERE forgotten_at IS NULL AND {condition}", values
            )
        names = [row["file_sha256"] for row in rows]
        await self._files.remove([self._files.path(name) for name in names])
        async with self._database.write() as transaction:
            await transaction.run_many(
                "UPDATE files SET forgotten_at = :now WHERE file_sha256 = :name",
                [{"now": now, "name": name} for name in names],
            )
        return len(names)

    async def _rebuild(self, row: Row | None) -> ReviewedImage | None:
        if row is None or row["forgotten_at"] is not None:
            return None
        try:
            data = await self._files.read(row["file_sha256"])
            return ReviewedImage(
                data, row["media_type"], row["width"], row["height"], row["sha256"], row["file_sha256"]
            )
        except (OSError, ValueError) as error:
            log.warning("The picture file %s cannot be shown: %s", self._files.path(row["file_sha256"]), error)
            return None
