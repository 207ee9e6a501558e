"""Copies of the database from before it was migrated: the last three, each verified."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bot.storage.errors import StorageError, sqlite_errors
from bot.storage.folder import make_folder, make_private

COPIES_FOLDER_NAME = "copies"
KEPT = 3

_NAME = re.compile(r"easel-(\d{4,})-version-\d+\.sqlite3")


def kept_copies(data_dir: Path) -> list[Path]:
    """Return the copies that are there, oldest first."""
    found = ((_NAME.fullmatch(path.name), path) for path in (data_dir / COPIES_FOLDER_NAME).glob("*.sqlite3"))
    return [path for _, path in sorted((int(match[1]), path) for match, path in found if match)]


def keep_copy(data_dir: Path, connection: sqlite3.Connection, version: int) -> Path:
    """Copy a database that is about to be migrated, and forget all but the last copies.

    A database that is as the last copy says is not copied again: starts that fail must not push good copies out.

    Args:
        data_dir: where the copies are kept.
        connection: to the database.
        version: of the database.

    Returns:
        The copy of the database as it is.

    Raises:
        StorageError: the database is damaged, or its copy cannot be written.
    """
    folder = data_dir / COPIES_FOLDER_NAME
    make_folder(folder)
    copies = kept_copies(data_dir)
    number = int(_NAME.fullmatch(copies[-1].name)[1]) + 1 if copies else 1  # type: ignore[index]
    path = folder / f"easel-{number:04}-version-{version}.sqlite3"
    unfinished = path.with_suffix(".unfinished")
    with _errors(unfinished):
        unfinished.unlink(missing_ok=True)
        make_private(unfinished)
        _copy(connection, unfinished, version)
        if copies and copies[-1].read_bytes() == unfinished.read_bytes():
            unfinished.unlink()
            return copies[-1]
        _sync(unfinished)
        os.replace(unfinished, path)
        _sync(folder)
        for old in [*copies, path][:-KEPT]:
            old.unlink()
    return path


def _copy(connection: sqlite3.Connection, into: Path, version: int) -> None:
    with closing(sqlite3.connect(into, isolation_level=None)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # the whole of it in one file
        said = [row[0] for row in copy.execute("PRAGMA quick_check")]
        if said != ["ok"] or copy.execute("PRAGMA user_version").fetchone()[0] != version:
            raise sqlite3.DatabaseError(f"its copy did not pass its check: {said[0]}")


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        with sqlite_errors(path):
            yield
    except (OSError, StorageError) as error:
        path.unlink(missing_ok=True)
        raise StorageError(
            f"The database was not migrated, because no sound copy of it could be kept in {path.parent} ({error}). "
            "Check for free disk space; if the database is damaged, restore it from a backup."
        ) from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
