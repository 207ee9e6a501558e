"""A folder of files, each named by the SHA-256 of its bytes."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import ParamSpec

from bot.storage.errors import CannotSave

QUARANTINE_FOLDER_NAME = "quarantine"
UNFINISHED_FOLDER_NAME = "unfinished"

P = ParamSpec("P")

log = logging.getLogger(__name__)


def files_in(folder: Path) -> set[Path]:
    """Return what is kept in a folder of files, whatever its names."""
    return set(folder.glob("??/*"))


def set_aside(data_dir: Path, path: Path) -> None:
    """Move a file of the data folder to the quarantine, where nothing is removed or written over. Raises OSError."""
    place = data_dir / QUARANTINE_FOLDER_NAME / path.relative_to(data_dir)
    for folder in reversed(place.parents):
        if folder.is_relative_to(data_dir / QUARANTINE_FOLDER_NAME):
            folder.mkdir(mode=0o700, exist_ok=True)
    names = (place.name if number == 0 else f"{place.name}.{number}" for number in count())
    shutil.move(path, next(free for name in names if not (free := place.with_name(name)).exists()))


class Files:
    """Writes, reads and removes the files of one folder; knows nothing of the rows that name them.

    Args:
        data_dir: holds the folder, and the quarantine.
        name: of the folder.
    """

    def __init__(self, data_dir: Path, name: str) -> None:
        self._folder = data_dir / name
        self._data_dir = data_dir
        self.trouble = ""
        """Why the last file could not be written; empty if it could."""

    def path(self, sha256: str) -> Path:
        """Return where the file of that hash is, or would be."""
        return self._folder / sha256[:2] / sha256

    async def paths(self) -> set[Path]:
        """Return the files that are there, whatever their names."""
        return await asyncio.to_thread(files_in, self._folder)

    async def read(self, sha256: str) -> bytes:
        """Return a file's bytes, unchecked. Raises OSError."""
        return await asyncio.to_thread(self.path(sha256).read_bytes)

    async def write(self, contents: Mapping[str, bytes], written: set[Path]) -> None:
        """Write what is not there yet, by hash: each file whole or not at all.

        Args:
            contents: bytes by their hash.
            written: gets the path of each file that was not there, also if a later one cannot be written.

        Raises:
            CannotSave: a file cannot be written.
        """
        try:
            with self._faults():
                await _to_its_end(self._write_all, contents, written)
        except CannotSave as error:
            self.trouble = str(error)
            raise
        self.trouble = ""

    async def remove(self, paths: Iterable[Path]) -> None:
        """Remove files. Raises CannotSave."""
        with self._faults():
            await _to_its_end(_remove_all, tuple(paths))

    async def set_aside(self, paths: Iterable[Path]) -> None:
        """Move files to the quarantine, where nothing is ever removed or written over. Raises CannotSave."""
        with self._faults():
            for path in paths:
                await _to_its_end(set_aside, self._data_dir, path)

    async def remove_unfinished(self) -> None:
        """Remove what a stop left of files that were being written; they have no names yet. Raises CannotSave."""
        with self._faults():
            await _to_its_end(_remove_all, tuple((self._folder / UNFINISHED_FOLDER_NAME).glob("*")))

    def _write_all(self, contents: Mapping[str, bytes], written: set[Path]) -> None:
        for sha256, data in contents.items():
            path = self.path(sha256)
            if not _holds(path, sha256):
                is_new = not path.exists()
                self._write(path, data)
                if is_new:
                    written.add(path)

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file that is there whole or not at all, whenever the machine stops."""
        unfinished = self._folder / UNFINISHED_FOLDER_NAME
        for folder in (self._folder, unfinished, path.parent):
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
                _sync(folder.parent)
        handle, name = tempfile.mkstemp(dir=unfinished)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
        _sync(path.parent)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CannotSave(
                f"The folder {self._folder} cannot be changed ({error.strerror}). "
                "Check its permissions and for free disk space."
            ) from error


async def _to_its_end(function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Change files in a thread. Whoever is cancelled meanwhile learns of it afterwards: a thread cannot be stopped."""
    work = asyncio.get_running_loop().run_in_executor(None, partial(function, *args, **kwargs))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        if error := work.exception():
            log.warning("What was cancelled could not be done either: %s", error)
        raise


def _remove_all(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _holds(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
