"""Files and the rows that name them: written before their rows, removed before their rows are marked forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bot.storage.database import Database
from bot.storage.errors import StorageError
from bot.storage.files import Files

log = logging.getLogger(__name__)


class Shelf:
    """One folder of files and the table that names them by their hash. Nothing is removed that no row is known of.

    Args:
        database: holds the table, which also has a column `forgotten_at`.
        files: the folder.
        table: its name.
        column: its key: the SHA-256 of a file's bytes.
    """

    def __init__(self, database: Database, files: Files, table: str, column: str) -> None:
        self._database = database
        self._files = files
        self._table = table
        self._column = column
        self._lock = asyncio.Lock()

    @property
    def trouble(self) -> str:
        """Why the last file could not be written; empty if it could."""
        return self._files.trouble

    @asynccontextmanager
    async def keeping(self, contents: Mapping[str, bytes]) -> AsyncIterator[None]:
        """Write files by their SHA-256; inside the block, the caller commits the rows that name them.

        Nothing is forgotten or moved meanwhile, so that no file goes between its writing and its row. If a file cannot
        be written or the block raises, those that were written and that no row names are removed again.

        Raises:
            StorageError: a file cannot be written.
        """
        written: set[Path] = set()
        async with self._lock:
            try:
                await self._files.write(contents, written)
                yield
            except BaseException:
                await self._take_back(written)
                raise

    async def forget(self, condition: str, values: Mapping[str, float | str], now: float) -> int:
        """Remove the files whose rows meet a condition, and mark these forgotten. Returns how many.

        Files go first: a stop in between leaves rows without files, which the next sweep takes up again.

        Args:
            condition: SQL over the table; it must ask for what is known, and not for what is missing.
            values: its parameters.
            now: seconds since the epoch.
        """
        async with self._lock:
            rows = await self._database.all(
                f"SELECT {self._column} AS name FROM {self._table} WHERE forgotten_at IS NULL AND {condition}", values
            )
            names = [row["name"] for row in rows]
            await self._files.remove([self._files.path(name) for name in names])
            async with self._database.write() as transaction:
                await transaction.run_many(
                    f"UPDATE {self._table} SET forgotten_at = :now WHERE {self._column} = :name",
                    [{"now": now, "name": name} for name in names],
                )
            return len(names)

    async def tidy(self) -> int:
        """Remove forgotten files that came back, and move those that no row has ever named to the quarantine.

        Returns how many were moved.
        """
        async with self._lock:
            paths = await self._files.paths()
            forgotten = await self._named("forgotten_at IS NOT NULL")
            await self._files.remove(paths & forgotten)
            strangers = paths - forgotten - await self._named("forgotten_at IS NULL")
            await self._files.set_aside(strangers)
            return len(strangers)

    async def remove_unfinished(self) -> None:
        """Remove what a stop left of files that were being written. To be called before any is."""
        await self._files.remove_unfinished()

    async def _take_back(self, written: set[Path]) -> None:
        try:
            await self._files.remove(written - await self._named("TRUE"))
        except StorageError as error:
            log.warning("Files without a row stay until the next start: %s", error)

    async def _named(self, condition: str) -> set[Path]:
        rows = await self._database.all(f"SELECT {self._column} AS name FROM {self._table} WHERE {condition}")
        return {self._files.path(row["name"]) for row in rows}
