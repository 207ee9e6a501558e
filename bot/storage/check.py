"""Look at the data folder before anything in it changes: is this the database that belongs here?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bot.storage.copies import kept_copies
from bot.storage.errors import StorageError, sqlite_errors
from bot.storage.files import QUARANTINE_FOLDER_NAME, files_in, set_aside
from bot.storage.inputs import INPUTS_FOLDER_NAME
from bot.storage.mark import MARK_NAME, LedgerMark, read_mark
from bot.storage.pictures import FOLDER_NAME
from bot.storage.schema import BESIDE, BUSY_TIMEOUT_S, DATABASE_NAME
from engine.api import MAX_IMAGES

LEFT_BY_A_STOP = MAX_IMAGES + 1 + 2
"""So many files a stop may leave without a row: pictures and grid of one job, a picture to start from and its mask."""


class LedgerDoubted(StorageError):
    """The database is not the one that belongs beside the files. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a database says of itself.

    Args:
        mark: where it is; None if it is older than marks.
        has_jobs: whether it holds any.
        names: of all files that it ever knew.
        forgotten: those of them that it says were removed, as `folder/name`.
    """

    mark: LedgerMark | None
    has_jobs: bool
    names: frozenset[str]
    forgotten: frozenset[str]


def check_ledger(data_dir: Path, *, adopt: bool = False) -> str | None:
    """See whether the database is the one that belongs here, before anything changes.

    Args:
        data_dir: must be held, see `held_folder`.
        adopt: the owner wants to go on with the database as it is, or without one.

    Returns:
        What was wrong with it and is adopted now; None if nothing is.

    Raises:
        LedgerDoubted: it is missing, empty, older than the files, or another one.
        StorageError: it is damaged or locked.
    """
    known = _read(data_dir / DATABASE_NAME)
    doubt = _doubt(data_dir, known)
    if doubt is None:
        return None
    if adopt:
        return doubt + _spare_what_is_left(data_dir, known)
    copies = kept_copies(data_dir)
    last = f"; the last copy from before a migration is {copies[-1]}" if copies else ""
    raise LedgerDoubted(
        f"{doubt} Nothing was changed, and there are two ways on. Restore: put the newest database that you have in "
        f"its place, and no {DATABASE_NAME}-wal or -shm of another one beside it{last}. Or, if there is no newer one, "
        "start once with: easel run --adopt-empty-ledger. Then files that it does not know move to "
        f"{data_dir / QUARANTINE_FOLDER_NAME}, and what servers have decided, blocked words too, is what it says."
    )


def _spare_what_is_left(data_dir: Path, known: _Known | None) -> str:
    """Move to the quarantine what would be removed because this database is trusted in place of the right one.

    That is the write-ahead log of a database that is gone, which SQLite would throw away, and files that are there
    although this database says that they were removed: they may have come again since.

    Returns:
        A sentence on the files; empty if there are none.
    """
    path = data_dir / DATABASE_NAME
    is_there = path.exists() and path.stat().st_size
    logs = [] if is_there else [path.with_name(f"{path.name}{ending}") for ending in BESIDE]
    files = [
        file
        for name in (FOLDER_NAME, INPUTS_FOLDER_NAME)
        for file in files_in(data_dir / name)
        if known and f"{name}/{file.name}" in known.forgotten
    ]
    try:
        for left in (*(log for log in logs if log.exists()), *files):
            set_aside(data_dir, left)
    except OSError as error:
        raise StorageError(
            f"The folder {data_dir} cannot be changed ({error.strerror}). Check its permissions and free disk space."
        ) from error
    if not files:
        return ""
    count = "1 file that it says was removed" if len(files) == 1 else f"{len(files)} files that it says were removed"
    return f" {count} moved to {data_dir / QUARANTINE_FOLDER_NAME}."


def _doubt(data_dir: Path, known: _Known | None) -> str | None:
    path = data_dir / DATABASE_NAME
    mark = read_mark(data_dir)
    files = {path.name for name in (FOLDER_NAME, INPUTS_FOLDER_NAME) for path in files_in(data_dir / name)}
    if known is None:
        traces = _traces(data_dir, len(files))
        what = "empty" if path.exists() else "missing"
        return f"The database {path} is {what}, but it was here before: there is {traces}." if traces else None
    if mark and (known.mark is None or known.mark.ledger != mark.ledger):
        return f"The database {path} is not the one that was used here last, as {data_dir / MARK_NAME} tells."
    if mark and known.mark and known.mark.changes < mark.changes:
        missing = mark.changes - known.mark.changes
        return f"The database {path} is older than the one that was used here last: {missing} changes are missing."
    unknown = files - known.names
    if len(unknown) > LEFT_BY_A_STOP or (unknown and not known.has_jobs and mark is None):
        return f"The database {path} does not know {len(unknown)} of {len(files)} files that Easel keeps beside it."
    return None


def _traces(data_dir: Path, files: int) -> str:
    """Say what only a ledger that was here can have left; empty if there is nothing."""
    if files:
        return f"{files} {'file' if files == 1 else 'files'} in {data_dir / FOLDER_NAME} or {INPUTS_FOLDER_NAME}"
    wal = data_dir / f"{DATABASE_NAME}-wal"
    copies = kept_copies(data_dir)
    for trace in (data_dir / MARK_NAME, *copies[-1:], wal):
        if trace.exists() and trace.stat().st_size:
            return str(trace)
    return ""


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _read(path: Path) -> _Known | None:
    """Read what a database says of itself, without changing it. None if there is none, or nothing in it."""
    if not path.exists() or not path.stat().st_size:
        return None
    with (
        sqlite_errors(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as connection,
    ):
        # Left by a stop; or an older database was put beside it, with which a quick_check finds nothing wrong.
        if _has_log(path) and (said := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
            raise StorageError(
                f"The database {path} is damaged, or is not the one that its log {path.name}-wal belongs to ({said}). "
                f"Nothing was changed. If you have put it there, move {path.name}-wal and {path.name}-shm away, or "
                "else restore it."
            )
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "jobs" not in tables:
            return None
        mark = None
        if "ledger" in tables:
            mark = next((LedgerMark(*row) for row in connection.execute("SELECT id, changes FROM ledger")), None)
        rows = [(FOLDER_NAME, *row) for row in connection.execute("SELECT file_sha256, forgotten_at FROM files")]
        if "inputs" in tables:
            found = connection.execute("SELECT sha256, forgotten_at FROM inputs")
            rows += [(INPUTS_FOLDER_NAME, *row) for row in found]
        has_jobs = connection.execute("SELECT EXISTS (SELECT 1 FROM jobs)").fetchone()[0]
    forgotten = frozenset(f"{folder}/{name}" for folder, name, at in rows if at is not None)
    return _Known(mark, bool(has_jobs), frozenset(name for _, name, _ in rows), forgotten)
