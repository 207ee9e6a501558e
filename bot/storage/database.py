"""The one connection to the ledger's database, and the one lock that guards it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from bot.storage.errors import CannotSave, sqlite_errors
from bot.storage.mark import LedgerMark, write_mark
from bot.storage.schema import DATABASE_NAME, migrate

# How long another program may hold the database while the bot runs. Members are answered meanwhile.
PATIENCE_S = 30.0

Row = sqlite3.Row
Values = Mapping[str, Any]

MOST_AHEAD_S = 2 * 86_400.0
"""A clock that is further ahead of the ledger's newest change may be wrong, or the bot was away for long."""

MOST_BEHIND_S = 300.0

# A clock that may be wrong does not make itself right by what is recorded with it.
_COUNT = """
UPDATE ledger SET
    changes = changes + 1,
    clock_at = CASE WHEN clock_at IS NULL OR :now BETWEEN clock_at AND clock_at + :ahead THEN :now ELSE clock_at END
RETURNING id, changes, clock_at
"""


class Transaction:
    """What may be done between BEGIN and COMMIT. Parameters are named."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def run(self, sql: str, values: Values | None = None) -> int:
        """Execute a statement and return how many rows it changed."""
        async with self._connection.execute(sql, values or {}) as cursor:
            return cursor.rowcount

    async def run_many(self, sql: str, rows: Iterable[Values]) -> None:
        """Execute a statement for each row of values."""
        async with self._connection.executemany(sql, rows):
            pass

    async def all(self, sql: str, values: Values | None = None) -> list[Row]:
        """Return every row."""
        return list(await self._connection.execute_fetchall(sql, values or {}))

    async def one(self, sql: str, values: Values | None = None) -> Row | None:
        """Return the first row, or None."""
        return next(iter(await self.all(sql, values)), None)


class Database:
    """Gives out transactions, one at a time, and notes each change in the ledger's own row and in its mark.

    Args:
        path: of the database.
        connection: to it.
        clock: seconds since the epoch; it may be wrong.
    """

    def __init__(self, path: Path, connection: aiosqlite.Connection, clock: Callable[[], float]) -> None:
        self._path = path
        self._connection = connection
        self._clock = clock
        self._clock_at: float | None = None
        self._lock = asyncio.Lock()
        self.trouble = ""
        """Why the last change could not be saved; empty if it could."""

    @property
    def clock_at(self) -> float | None:
        """The newest change that was made by a clock that could be right, in seconds since the epoch; None before any.

        It is the ledger's, but for a change that was cancelled on its way.
        """
        return self._clock_at

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Open a transaction that commits at the end of the block and rolls back if the block raises."""
        async with self._lock:
            try:
                async with self._begun() as transaction:
                    yield transaction
                    row = await transaction.one(_COUNT, {"now": self._clock(), "ahead": MOST_AHEAD_S})
                    assert row is not None
            except CannotSave as error:
                self.trouble = str(error)
                raise
            self.trouble = ""
            self._note(row)

    async def all(self, sql: str, values: Values | None = None) -> list[Row]:
        """Return every row of one query, which sees one state of the database by itself."""
        async with self._lock:
            with sqlite_errors(self._path):
                return await Transaction(self._connection).all(sql, values)

    async def one(self, sql: str, values: Values | None = None) -> Row | None:
        """Return the first row of one query, or None."""
        return next(iter(await self.all(sql, values)), None)

    async def note(self) -> None:
        """Read the ledger's own row, and make the mark say the same."""
        row = await self.one("SELECT id, changes, clock_at FROM ledger")
        assert row is not None
        self._note(row)

    def _note(self, row: Row) -> None:
        self._clock_at = row["clock_at"]
        write_mark(self._path.parent, LedgerMark(row["id"], row["changes"]))

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[Transaction]:
        with sqlite_errors(self._path):
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield Transaction(self._connection)
                await self._connection.commit()
            except BaseException:
                # Harmless if nothing began; a cancelled statement still runs, but before this one.
                await self._connection.rollback()
                raise


@asynccontextmanager
async def open_database(
    data_dir: Path, busy_timeout_s: float = PATIENCE_S, clock: Callable[[], float] = time.time
) -> AsyncIterator[Database]:
    """Migrate and open the database in `data_dir`; close it at the end. Its mark is the caller's, see `Database.note`.

    Args:
        data_dir: created if missing.
        busy_timeout_s: how long to wait for another program that holds the database.
        clock: seconds since the epoch.

    Raises:
        StorageError: it cannot be opened, is damaged, locked, or newer than the code.
    """
    await asyncio.to_thread(migrate, data_dir)
    path = data_dir / DATABASE_NAME
    with sqlite_errors(path):
        connection = await aiosqlite.connect(path, timeout=busy_timeout_s, isolation_level=None)
    try:
        with sqlite_errors(path):
            connection.row_factory = sqlite3.Row
            await connection.execute("PRAGMA foreign_keys = ON")
            # A job must survive a power cut once its member was told of it.
            await connection.execute("PRAGMA synchronous = FULL")
        database = Database(path, connection, clock)
        yield database
    finally:
        await connection.close()
