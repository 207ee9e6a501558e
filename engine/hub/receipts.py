"""Receipts: what was pulled and verified. A repository's files are used only once their receipt is there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.catalog import ModelEntry, Source
from engine.hub.errors import HubError
from engine.hub.repository import PIPELINE, SAFETY_CHECKER, Listing, RemoteFile

_BLOCK_BYTES = 2**20

Part = tuple[Source, str]


def write_receipt(source: Source, part: str, listing: Listing, files: Sequence[RemoteFile]) -> None:
    """Say that all files of a part are there and verified."""
    data = {
        "repository": source.hub,
        "revision": source.revision,
        "commit": listing.commit,
        "licence": listing.licence,
        "variant": source.variant,
        "file": source.file,
        "files": {file.name: [file.size, file.sha256, file.git_sha1] for file in files},
    }
    path = _receipt(source, part)
    written = path.with_suffix(".new")
    written.write_text(json.dumps(data, indent=1), "utf-8")
    os.replace(written, path)


def sources_of(entry: ModelEntry) -> list[Part]:
    """Return what a model is loaded from, each with what it is for."""
    return [(entry.safety_checker, SAFETY_CHECKER), (entry.source, PIPELINE)]


def missing(sources: Iterable[Part]) -> list[Part]:
    """Return those sources whose files are not here."""
    return [(source, part) for source, part in sources if not is_here(source, part)]


def is_here(source: Source, part: str) -> bool:
    """Tell whether the files of a source can be used; those of a folder or file that its owner named always can."""
    return source.hub is None or _read(source, part) is not None


def check(source: Source, part: str) -> int:
    """Hash every file of a part again, and return the bytes of them all.

    Raises:
        HubError: one is not there any more, or is damaged.
    """
    receipt = _read(source, part)
    if receipt is None:
        raise HubError(f"The files of {source.hub} are not all there. Pull them.")
    for name, (size, sha256, git_sha1) in receipt["files"].items():
        file = RemoteFile(name, size, sha256, git_sha1)
        if digest_of(source.folder / name, file).hexdigest() != file.digest:
            raise HubError(f"{source.folder / name} is damaged. Delete it and pull again.")
    return sum(int(size) for size, _, _ in receipt["files"].values())


def licence_of(source: Source, part: str) -> str:
    """Return the licence that the repository's card named when it was pulled; empty if it named none."""
    return str((_read(source, part) or {}).get("licence", ""))


def digest_of(path: Path, file: RemoteFile, watch: Callable[[int], None] = lambda size: None) -> Any:
    """Return a hash over what is there of a file, as the repository names its content.

    Args:
        path: the file, or its beginning.
        file: says which hash.
        watch: told the bytes read so far.
    """
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    if path.exists():
        with path.open("rb") as opened:
            while block := opened.read(_BLOCK_BYTES):
                digest.update(block)
                watch(opened.tell())
    return digest


def _receipt(source: Source, part: str) -> Path:
    # Of one repository several files may be pulled, each for a model or add-on of its own.
    return source.folder / f"receipt-{source.file or part}.json"


def _read(source: Source, part: str) -> Mapping[str, Any] | None:
    """Return the receipt if it is for this source and its files are still there, in their size."""
    try:
        receipt: Mapping[str, Any] = json.loads(_receipt(source, part).read_text("utf-8"))
        if (receipt["variant"], receipt["file"]) != (source.variant, source.file):
            return None
        whole = all((source.folder / name).stat().st_size == size for name, (size, *_) in receipt["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return receipt if whole else None
