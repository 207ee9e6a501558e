"""The one connection to the ledger's database, and the one lock that guards it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from bot.storage.errors import sqlite_errors
from bot.storage.schema import DATABASE_NAME, migrate

# How long another program may hold the database while the bot runs. Members are answered meanwhile.
PATIENCE_S = 30.0

Row = sqlite3.Row
Values = Mapping[str, Any]


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
        async with self._connection.execute(sql, values or {}) as cursor:
            return list(await cursor.fetchall())

    async def one(self, sql: str, values: Values | None = None) -> Row | None:
        """Return the first row, or None."""
        async with self._connection.execute(sql, values or {}) as cursor:
            return await cursor.fetchone()


class Database:
    """Gives out transactions, one at a time."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self._path = path
        self._connection = connection
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Open a transaction that commits at the end of the block and rolls back if the block raises."""
        async with self._begun("BEGIN IMMEDIATE") as transaction:
            yield transaction

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a transaction that sees one state of the database throughout."""
        async with self._begun("BEGIN") as transaction:
            yield transaction

    @asynccontextmanager
    async def _begun(self, begin: str) -> AsyncIterator[Transaction]:
        async with self._lock:
            with sqlite_errors(self._path):
                try:
                    await self._connection.execute(begin)
                    yield Transaction(self._connection)
                    await self._connection.commit()
                except BaseException:
                    # Harmless if nothing began; a cancelled statement still runs, but before this one.
                    await self._connection.rollback()
                    raise


@asynccontextmanager
async def open_database(data_dir: Path, busy_timeout_s: float = PATIENCE_S) -> AsyncIterator[Database]:
    """Migrate and open the database in `data_dir`; close it at the end.

    Args:
        data_dir: created if missing.
        busy_timeout_s: how long to wait for another program that holds the database.

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
        yield Database(path, connection)
    finally:
        await connection.close()
