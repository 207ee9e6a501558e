"""A verified copy of the database is kept before each migration: the last three."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.storage import StorageError
from bot.storage.copies import kept_copies
from bot.storage.schema import DATABASE_NAME, Migration, load_migrations, migrate

STEPS = load_migrations()
NEWEST = len(STEPS)


def more(count: int) -> tuple[Migration, ...]:
    extra = (
        Migration(NEWEST + number, f"{NEWEST + number:04}_x_y", f"CREATE TABLE t{number} (x);")
        for number in range(1, count + 1)
    )
    return (*STEPS, *extra)


def note(path: Path, value: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO bot_state VALUES ('note', ?)", (value,))


def read(path: Path) -> tuple[str, int, str]:
    """Return a database's note, version and quick_check."""
    with closing(sqlite3.connect(path)) as connection:
        return (
            connection.execute("SELECT value FROM bot_state").fetchone()[0],
            connection.execute("PRAGMA user_version").fetchone()[0],
            connection.execute("PRAGMA quick_check").fetchone()[0],
        )


def test_a_new_database_and_one_that_is_up_to_date_are_not_copied(tmp_path: Path) -> None:
    migrate(tmp_path)
    migrate(tmp_path)
    assert kept_copies(tmp_path) == []


def test_before_a_migration_a_copy_is_kept_that_starts_as_the_database_was(tmp_path: Path) -> None:
    migrate(tmp_path)
    note(tmp_path / DATABASE_NAME, "before")
    migrate(tmp_path, more(1))
    note(tmp_path / DATABASE_NAME, "after")
    (copy,) = kept_copies(tmp_path)
    assert read(copy) == ("before", NEWEST, "ok")
    assert {path.name for path in copy.parent.iterdir()} == {copy.name}
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.parent.stat().st_mode & 0o777 == 0o700


def test_the_last_three_copies_are_kept(tmp_path: Path) -> None:
    for number in range(6):
        migrate(tmp_path, more(number))
        note(tmp_path / DATABASE_NAME, f"at {number}")
    assert [read(copy)[0] for copy in kept_copies(tmp_path)] == ["at 2", "at 3", "at 4"]


def test_a_migration_that_fails_at_each_start_pushes_no_copy_out(tmp_path: Path) -> None:
    for number in range(3):
        migrate(tmp_path, more(number))
        note(tmp_path / DATABASE_NAME, f"at {number}")
    broken = (*more(2), Migration(NEWEST + 3, "broken", "INSERT INTO nowhere VALUES (1);"))
    for _ in range(5):
        with pytest.raises(StorageError, match="nowhere"):
            migrate(tmp_path, broken)
    assert [read(copy)[0] for copy in kept_copies(tmp_path)] == ["at 0", "at 1", "at 2"]


def test_a_database_that_is_damaged_within_is_not_migrated_and_no_copy_pushed_out(tmp_path: Path) -> None:
    migrate(tmp_path)
    path = tmp_path / DATABASE_NAME
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO bot_state VALUES (?, ?)", [(f"{n}", "x" * 500) for n in range(500)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size - 20 * 4096)
        file.write(b"\xff" * 16 * 4096)
    with pytest.raises(StorageError, match=r"was not migrated, because no sound copy .* restore it from a backup"):
        migrate(tmp_path, more(1))
    assert kept_copies(tmp_path) == []
    assert not list((tmp_path / "copies").iterdir())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == NEWEST


def test_a_copy_that_cannot_be_kept_stops_the_migration(tmp_path: Path) -> None:
    migrate(tmp_path)
    (tmp_path / "copies").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"copies cannot be created|no sound copy"):
        migrate(tmp_path, more(1))
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == NEWEST
