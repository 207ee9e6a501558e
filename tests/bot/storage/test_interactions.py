"""Keys to interactions are kept while they open something, and no longer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.domain.policy import Limits
from bot.domain.records import InteractionKey
from bot.storage import Store, open_store
from bot.storage.interactions import TOKEN_LIFE_S
from bot.storage.schema import DATABASE_NAME

LIMITS = Limits(4, 40, 8, 192, 40)
FIRST, SECOND = InteractionKey(1, "first secret"), InteractionKey(2, "second secret")


async def left(store: Store, now: float) -> list[tuple[int, str]]:
    return [(key.id, key.token) for key in await store.interactions.without_job(now)]


def rows(data_dir: Path) -> int:
    with closing(sqlite3.connect(data_dir / DATABASE_NAME)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM interactions").fetchone()[0])


async def test_what_was_answered_and_not_accepted_is_left_for_the_next_start(tmp_path: Path) -> None:
    async with open_store(tmp_path, LIMITS) as store:
        await store.interactions.keep(SECOND, 1000.0)
        await store.interactions.keep(FIRST, 1000.0)
        await store.interactions.drop(SECOND.id)

    async with open_store(tmp_path, LIMITS) as store:
        assert await left(store, 1001.0) == [(1, "first secret")]


async def test_a_key_whose_time_is_over_is_not_left(tmp_path: Path) -> None:
    async with open_store(tmp_path, LIMITS) as store:
        await store.interactions.keep(FIRST, 1000.0)
        assert await left(store, 1000.0 + TOKEN_LIFE_S) == [(1, "first secret")]
        assert await left(store, 1001.0 + TOKEN_LIFE_S) == []


async def test_what_is_left_can_be_asked_for_while_nothing_can_be_written(tmp_path: Path) -> None:
    async with open_store(tmp_path, LIMITS, patience_s=0.0) as store:
        await store.interactions.keep(FIRST, 1000.0)
        with closing(sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await left(store, 1001.0) == [(1, "first secret")]


async def test_a_key_goes_though_nobody_asks_for_anything_any_more(tmp_path: Path) -> None:
    async with open_store(tmp_path, LIMITS, clock=lambda: 1001.0 + TOKEN_LIFE_S) as store:
        await store.interactions.keep(FIRST, 1000.0)
        assert rows(tmp_path) == 1

        await store.settle()

        assert rows(tmp_path) == 0


def test_a_token_is_in_no_repr() -> None:
    assert "secret" not in repr(FIRST)
