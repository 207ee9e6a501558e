"""Transactions on the one connection."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.domain.policy import Limits
from bot.storage import StorageError, open_store
from bot.storage.database import Database, Transaction, open_database
from bot.storage.schema import DATABASE_NAME

INSERT = "INSERT INTO bot_state (name, value) VALUES (:name, 'x')"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path) as database:
        yield database


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await database.all("SELECT name FROM bot_state ORDER BY name")]


async def test_a_block_that_raises_leaves_no_trace(database: Database) -> None:
    async def stumble() -> None:
        async with database.write() as transaction:
            await transaction.run(INSERT, {"name": "lost"})
            raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        await stumble()
    assert await names(database) == []


async def test_a_cancelled_block_leaves_no_trace_and_the_next_one_works(database: Database) -> None:
    inside = asyncio.Event()

    async def stay() -> None:
        async with database.write() as transaction:
            await transaction.run(INSERT, {"name": "lost"})
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await inside.wait()
    task.cancel()
    await asyncio.wait([task])
    async with database.write() as transaction:
        await transaction.run(INSERT, {"name": "kept"})
    assert await names(database) == ["kept"]


@pytest.mark.parametrize("steps", range(1, 12))
async def test_wherever_a_writer_is_cancelled_the_next_one_works(database: Database, steps: int) -> None:
    async def write() -> None:
        async with database.write() as transaction:
            await transaction.run(INSERT, {"name": "first"})
            await transaction.run(INSERT, {"name": "second"})

    task = asyncio.create_task(write())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert await names(database) in ([], ["first", "second"])
    async with database.write() as transaction:
        await transaction.run(INSERT, {"name": "third"})
    assert "third" in await names(database)


async def test_writers_take_turns(database: Database) -> None:
    async def add_one(transaction: Transaction) -> None:
        row = await transaction.one("SELECT COUNT(*) AS number FROM bot_state")
        assert row is not None
        await asyncio.sleep(0)
        await transaction.run(INSERT, {"name": f"{row['number']:02}"})

    async def write() -> None:
        async with database.write() as transaction:
            await add_one(transaction)

    await asyncio.gather(*(write() for _ in range(20)))
    assert await names(database) == [f"{number:02}" for number in range(20)]


async def test_foreign_keys_and_wal_are_on(database: Database) -> None:
    keys = await database.one("PRAGMA foreign_keys")
    mode = await database.one("PRAGMA journal_mode")
    assert keys is not None
    assert mode is not None
    assert (keys[0], mode[0]) == (1, "wal")


async def test_a_database_that_another_program_holds_is_named_with_what_to_do(tmp_path: Path) -> None:
    async with open_database(tmp_path, busy_timeout_s=0.01) as database:
        with closing(sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageError, match="in use by another program"):
                async with database.write():
                    raise AssertionError("the lock was not taken")
            other.execute("ROLLBACK")
        async with database.write() as transaction:
            await transaction.run(INSERT, {"name": "kept"})


async def test_what_one_store_wrote_the_next_one_reads(tmp_path: Path) -> None:
    limits = Limits(1, 1, 1, 64, 1)
    async with open_store(tmp_path, limits) as store:
        assert await store.commands_hash() is None
        await store.set_commands_hash("one")
        await store.set_commands_hash("two")
    async with open_store(tmp_path, limits) as store:
        assert await store.commands_hash() == "two"
