"""Bring a database to the code's version: numbered migrations, each in one transaction with its number."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.storage.copies import keep_copy
from bot.storage.errors import StorageError, sqlite_errors
from bot.storage.folder import make_folder, make_private

DATABASE_NAME = "easel.sqlite3"
BESIDE = ("-wal", "-shm")
MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_S = 5.0

_FILE_NAME = re.compile(r"(\d{4})_[a-z]+(_[a-z]+)+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. `number` is the database's version after it."""

    number: int
    name: str
    sql: str


def load_migrations(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Read the folder's migrations, in order.

    Raises:
        StorageError: a file is misnamed, or a number is missing or taken twice.
    """
    migrations = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if not match:
            raise StorageError(f"{path}: a migration is named NNNN_verb_object.sql.")
        migrations.append(Migration(int(match[1]), path.stem, path.read_text("utf-8")))
    if [migration.number for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise StorageError(f"{folder}: migrations must be numbered 0001, 0002, ... without gaps.")
    return tuple(migrations)


def migrate(data_dir: Path, migrations: tuple[Migration, ...] | None = None) -> tuple[int, int]:
    """Create the database in `data_dir` if there is none, and apply the migrations it lacks; keep a copy from before.

    Only its owner can read it afterwards, nor what SQLite keeps beside it.

    Args:
        data_dir: created, readable by its owner alone, if missing.
        migrations: all there are; the code's own if None.

    Returns:
        The database's version before and after.

    Raises:
        StorageError: the database is newer than the code, damaged, locked, or cannot be written, or no sound copy of
            it could be kept.
    """
    steps = load_migrations() if migrations is None else migrations
    path = data_dir / DATABASE_NAME
    make_folder(data_dir)
    _close_to_others(path)
    with (
        sqlite_errors(path),
        closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection,
    ):
        before = _version(connection)
        if before > len(steps):
            raise StorageError(
                f"The database {path} has version {before}, but this Easel knows only {len(steps)}. "
                "Install the newer Easel that made it, or use another EASEL_DATA_DIR."
            )
        if 0 < before < len(steps):
            keep_copy(data_dir, connection, before)
        connection.execute("PRAGMA journal_mode = WAL")
        for step in steps:
            _apply(connection, step)
        return before, _version(connection)


def _close_to_others(path: Path) -> None:
    """Let only the owner read the database and what is beside it; SQLite makes new ones beside it likewise."""
    beside = (path.with_name(f"{path.name}{ending}") for ending in BESIDE)
    for each in (path, *(file for file in beside if file.exists())):
        try:
            make_private(each)
        except OSError as error:
            raise StorageError(
                f"The database {each} cannot be written ({error.strerror}). Check the permissions of file and folder."
            ) from error


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have applied it meanwhile.
        if _version(connection) < step.number:
            for statement in _statements(step.sql):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {step.number}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(sql: str) -> Iterator[str]:
    """Split a script; sqlite3's own executescript would commit before it begins."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip() and not all(line.startswith("--") for line in pending.strip().splitlines()):
        raise StorageError(f"A migration ends within a statement: {pending.strip()[:80]}")
