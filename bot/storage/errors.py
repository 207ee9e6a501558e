"""What can go wrong with the ledger, in sentences that say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.domain.records import JobState


class StorageError(Exception):
    """The ledger or the picture store cannot be used. `str()` is one sentence that says what to do."""


class DatabaseBusy(StorageError):
    """Another program held the database for too long; what was wanted can be tried again."""


class CannotSave(StorageError):
    """The disk is full, or cannot be written. Nothing was changed."""


class IllegalMove(StorageError):
    """A job cannot go from the state it is in to the one asked for.

    Args:
        job_id: the job.
        state: the state it is in; None if there is no such job.
        to: the state asked for.
    """

    def __init__(self, job_id: str, state: JobState | None, to: JobState) -> None:
        super().__init__(f"Job {job_id} cannot become {to}: it is {state or 'unknown'}.")
        self.job_id = job_id
        self.state = state
        self.to = to


class PressUnderWay(StorageError):
    """An unfinished job already stands for this press. `job_id` is that job's."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"This press is already job {job_id}.")
        self.job_id = job_id


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the database at `path` into StorageError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _storage_error(path, error) from error


def _storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    text = str(error)
    match getattr(error, "sqlite_errorname", "").split("_")[1:2]:
        case ["BUSY" | "LOCKED"]:
            sentence = f"The database {path} is in use by another program. Stop the other program, then try again."
            return DatabaseBusy(sentence)
        case ["CORRUPT" | "NOTADB"]:
            return StorageError(f"The database {path} is damaged ({text}). Restore it from a backup.")
        case ["CANTOPEN" | "READONLY" | "PERM" | "AUTH"]:
            return CannotSave(f"The database {path} cannot be written ({text}). Check the folder's permissions.")
        case ["FULL" | "IOERR"]:
            return CannotSave(f"The database {path} could not be saved ({text}). Check for free disk space.")
    return StorageError(f"The database {path} refused a change ({text}).")
