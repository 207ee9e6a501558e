"""Reviewed picture files, named by their hash, and the one place in the bot that reads them back."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from bot.storage.database import Database, Row
from bot.storage.files import Files
from bot.storage.shelf import Shelf
from engine.api import ReviewedImage

FOLDER_NAME = "pictures"

log = logging.getLogger(__name__)

_ALLOWED = """
SELECT image_index, files.* FROM images JOIN files USING (file_sha256) WHERE job_id = :job AND verdict = 'allow'
"""
_GRID = "SELECT NULL, files.* FROM jobs JOIN files ON file_sha256 = grid_file WHERE jobs.id = :job"

# The generations that show a file, with what must be known of each of them before the file may go.
_SHOWN = """
SELECT state, ended_at FROM images JOIN jobs ON jobs.id = images.job_id WHERE images.file_sha256 = files.file_sha256
UNION ALL
SELECT state, ended_at FROM jobs WHERE grid_file = files.file_sha256
"""

# A file's time is past when some generation showed it and each that does is deleted or ended before :since.
_PAST = f"""
EXISTS ({_SHOWN}) AND NOT EXISTS (
    SELECT 1 FROM ({_SHOWN}) WHERE state <> 'deleted' AND (ended_at IS NULL OR ended_at >= :since)
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
    """Keeps, reads and forgets picture files. `shelf` holds them."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self._files = Files(data_dir, FOLDER_NAME)
        self.shelf = Shelf(database, self._files, "files", "file_sha256")

    def keeping(self, pictures: Iterable[ReviewedImage]) -> AbstractAsyncContextManager[None]:
        """Write the pictures' files; inside the block, the caller commits the rows that refer to them.

        Raises:
            StorageError: a file cannot be written.
        """
        return self.shelf.keeping({picture.file_sha256: picture.data for picture in pictures})

    async def read(self, job_id: str, index: int) -> ReviewedImage | None:
        """Return an image of a generation; None unless its verdict is ALLOW and its file is there, unharmed."""
        row = await self._database.one(f"{_ALLOWED} AND image_index = :image", {"job": job_id, "image": index})
        return await self._rebuild(row)

    async def read_all(self, job_id: str) -> tuple[Mapping[int, ReviewedImage], ReviewedImage | None]:
        """Return a generation's images by their index, each as in `read`, and the grid of them.

        The grid is None if there is none or its file is gone or harmed.
        """
        rows = await self._database.all(f"{_ALLOWED} UNION ALL {_GRID} ORDER BY image_index", {"job": job_id})
        found = {row["image_index"]: picture for row in rows if (picture := await self._rebuild(row))}
        grid = found.pop(None, None)
        return found, grid

    async def read_file(self, file_sha256: str) -> bytes | None:
        """Return a picture that some generation was allowed to show; None if its file is gone or harmed."""
        row = await self._database.one("SELECT * FROM files WHERE file_sha256 = :name", {"name": file_sha256})
        picture = await self._rebuild(row)
        return picture.data if picture else None

    async def forget_job(self, job_id: str, now: float) -> int:
        """Remove a deleted generation's files, except those that other generations show. Returns how many."""
        return await self.shelf.forget(f"{_OF_JOB} AND {_PAST}", {"job": job_id, "since": -math.inf}, now)

    async def forget_older(self, than: float, now: float) -> int:
        """Remove the files that only deleted generations, or those ended before `than`, show. Returns how many."""
        return await self.shelf.forget(_PAST, {"since": than}, now)

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
