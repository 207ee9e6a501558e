"""The folder that holds everything the bot keeps, and the lock that gives it to one process at a time."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.storage.errors import StorageError

LOCK_NAME = "easel.lock"

log = logging.getLogger(__name__)


def make_folder(data_dir: Path) -> None:
    """Create the folder, readable by its owner alone, if it is missing.

    Raises:
        StorageError: it cannot be created.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The folder {data_dir} cannot be created ({error.strerror}). Check EASEL_DATA_DIR."
        ) from error


def make_private(path: Path) -> None:
    """See that a file is there, and that only its owner can read it, whatever the folder allows.

    Raises:
        OSError: it cannot be made.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    try:
        path.chmod(0o600)
    except OSError as error:
        log.warning("Others may be able to read %s: %s", path, error)


@contextmanager
def held_folder(data_dir: Path) -> Iterator[None]:
    """Hold the folder, so that no second bot takes up, draws and delivers the same jobs.

    The kernel lets go of the lock when the process ends, however it ends; the file itself says nothing.

    Raises:
        StorageError: another process holds it, or it cannot be written.
    """
    make_folder(data_dir)
    handle = _open(data_dir)
    try:
        _lock(handle, data_dir)
        yield
    finally:
        os.close(handle)


def _open(data_dir: Path) -> int:
    try:
        return os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(
            f"The folder {data_dir} cannot be written ({error.strerror}). Check its permissions."
        ) from error


def _lock(handle: int, data_dir: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StorageError(
            f"Another Easel is running on {data_dir}. Stop it, or give this one its own EASEL_DATA_DIR."
        ) from error
