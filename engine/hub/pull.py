"""Pull the files of a source: whole, verified, and going on where a broken pull ended.

A file is written as `NAME.DIGEST.part` until its hash is right, so that what is there of it is never taken for another
version's. The receipt comes last.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from filelock import FileLock
from huggingface_hub import get_session, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from engine.catalog import Source
from engine.hub.errors import HubError, address, worded
from engine.hub.receipts import Part, digest_of, write_receipt
from engine.hub.repository import Listing, RemoteFile, list_repository, wanted_files

_DIGITS = 12
_TRIES = 6
_FIRST_WAIT_S = 1.0
_SERVER_FAULT = 500


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is: bytes that are here, of all that it takes."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a pull brought.

    Args:
        commits: of each repository, in the order asked for.
        size: bytes of all files.
        pulled: bytes that came over the network.
    """

    commits: tuple[str, ...]
    size: int
    pulled: int


def pull(
    sources: Sequence[Part],
    watch: Callable[[PullProgress], None] = lambda progress: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Bring the files of some sources here. Another pull of the same waits until this one is done.

    Args:
        sources: of repositories, each with what it is for, "pipeline", "safety_checker" or "addon".
        watch: told how far all of it is.
        sleep: waits before another try, in seconds.

    Raises:
        HubError: they cannot be had; what came stays for the next pull.
    """
    with ExitStack() as locks:
        try:
            for folder in dict.fromkeys(source.folder for source, _ in sources):
                folder.mkdir(parents=True, exist_ok=True)
                locks.enter_context(FileLock(folder / ".pulling"))
            return _Pull(sources, watch, sleep).run()
        except OSError as error:
            raise HubError(f"A pulled file cannot be written ({error.strerror or error}).") from error


@dataclass(frozen=True, slots=True)
class _Order:
    """A source and what of its repository is to come."""

    source: Source
    part: str
    listing: Listing
    files: Sequence[RemoteFile]


class _Pull:
    """One pull under way."""

    def __init__(
        self, sources: Sequence[Part], watch: Callable[[PullProgress], None], sleep: Callable[[float], None]
    ) -> None:
        self._watch = watch
        self._sleep = sleep
        self._orders = [_order(source, part) for source, part in sources]
        self._total = sum(file.size for order in self._orders for file in order.files)
        self._before = 0
        self._pulled = 0

    def run(self) -> Report:
        _check_space(self._orders)
        for order in self._orders:
            for file in order.files:
                target = order.source.folder / file.name
                if not (target.is_file() and digest_of(target, file, self._tell).hexdigest() == file.digest):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._fetch(order, file, target)
                self._before += file.size
                self._tell(0)
            write_receipt(order.source, order.part, order.listing, order.files)
        return Report(tuple(order.listing.commit for order in self._orders), self._total, self._pulled)

    def _tell(self, size: int) -> None:
        self._watch(PullProgress(self._before + size, self._total))

    def _fetch(self, order: _Order, file: RemoteFile, target: Path) -> None:
        """Bring one file, twice if it arrives damaged."""
        part = target.with_name(f"{target.name}.{file.digest[:_DIGITS]}.part")
        for _ in range(2):
            digest = digest_of(part, file, self._tell)
            with worded(str(order.source.hub), order.listing.commit):
                self._stream(order, file, part, digest)
            if digest.hexdigest() == file.digest:
                os.replace(part, target)
                return
            part.unlink()
        raise HubError(f"{file.name} of {order.source.hub} arrives damaged. Try again later.")

    def _stream(self, order: _Order, file: RemoteFile, part: Path, digest: Any) -> None:
        """Append what is missing of a file to its beginning, trying again while anything still comes."""
        failures = 0
        with part.open("ab") as opened:
            while (have := opened.tell()) < file.size:
                problem: Exception = httpx2.ReadError("it sends nothing")
                try:
                    self._append(order, file, opened, digest)
                except httpx2.TransportError as error:
                    problem = error
                except HfHubHTTPError as error:
                    if error.response.status_code < _SERVER_FAULT:
                        raise
                    problem = error
                failures = 0 if opened.tell() > have else failures + 1
                if failures >= _TRIES:
                    raise problem
                if failures:
                    self._sleep(_FIRST_WAIT_S * 2.0 ** (failures - 1))

    def _append(self, order: _Order, file: RemoteFile, opened: Any, digest: Any) -> None:
        have = opened.tell()
        url = hf_hub_url(str(order.source.hub), file.name, revision=order.listing.commit, endpoint=address())
        # Compressed, a range of bytes would not be a range of the file.
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with get_session().stream("GET", url, headers=headers, follow_redirects=True) as response:
            hf_raise_for_status(response)
            skip = have if have and response.status_code != httpx2.codes.PARTIAL_CONTENT else 0
            for block in response.iter_bytes():
                fresh = block[skip:][: file.size - opened.tell()]
                skip = max(0, skip - len(block))
                opened.write(fresh)
                digest.update(fresh)
                self._pulled += len(fresh)
                self._tell(opened.tell())


def _order(source: Source, part: str) -> _Order:
    listing = list_repository(str(source.hub), str(source.revision))
    return _Order(source, part, listing, wanted_files(listing, source, part))


def _check_space(orders: Sequence[_Order]) -> None:
    for order in orders:
        folder = order.source.folder
        needed = sum(file.size for file in order.files if not (folder / file.name).exists())
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise HubError(f"{folder} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed.")
