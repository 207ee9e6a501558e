"""A folder of files, each named by the SHA-256 of its bytes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot.storage.errors import StorageError


class Files:
    """Writes, reads and removes the files of one folder; knows nothing of the rows that name them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path:
        """Return where the file of that hash is, or would be."""
        return self._folder / sha256[:2] / sha256

    def paths(self) -> set[Path]:
        """Return the files that are there, whatever their names."""
        return set(self._folder.glob("??/*"))

    async def read(self, sha256: str) -> bytes:
        """Return a file's bytes, unchecked. Raises OSError."""
        return await asyncio.to_thread(self.path(sha256).read_bytes)

    async def write(self, contents: Mapping[str, bytes]) -> None:
        """Write what is not there yet, by hash: each file whole or not at all. Raises StorageError."""
        with self._faults():
            await asyncio.to_thread(self._write_all, contents)

    async def remove(self, paths: Iterable[Path]) -> None:
        """Remove files. Raises StorageError."""
        with self._faults():
            await asyncio.to_thread(_remove_all, tuple(paths))

    def _write_all(self, contents: Mapping[str, bytes]) -> None:
        for sha256, data in contents.items():
            path = self.path(sha256)
            if not _holds(path, sha256):
                _write(path, data)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"The folder {self._folder} cannot be changed ({error.strerror}). "
                "Check its permissions and for free disk space."
            ) from error


def _remove_all(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _holds(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _write(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all, whenever the machine stops."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
