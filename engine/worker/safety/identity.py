"""Which safety checker a model must have, and how it is recognised: never by what a table or a setting says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from engine.catalog import BUILT_IN, Source
from engine.checkers import PUBLIC_FILES, FingerprintError, digest_of, read_fingerprint
from engine.worker.safety.proof import ProofFailed

RECORD = "checker-fingerprint.json"
PREVIEW_MARGIN = 0.02
"""By how much a preview must stay under each threshold of the public checker, a difference of cosines: a guess, as it
leaves less room than a built-in model's."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the files of a checker have to be, and what proves it.

    Args:
        files: SHA-256 of each file that it is loaded from; empty for a checker of which nothing is known.
        pictures: folder of the proof pictures made for it; None when there are none.
        fingerprint: file with what its tower makes of the fixed pictures; None to take what it makes when loaded.
        records: whether that file is written when the checker is loaded for the first time.
        preview_margin: by how much a preview must stay under each threshold.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    pictures: Path | None = None
    fingerprint: Path | None = None
    records: bool = False
    preview_margin: float = PREVIEW_MARGIN


ANY = Identity()
"""Of a checker that may be any: one that an owner added, or that the bench or a test made."""

Identify = Callable[[Source], Identity]


def identify(source: Source) -> Identity:
    """Return what a model's own checker has to be: a built-in model's, or else the public one.

    Raises:
        ProofFailed: the built-in one's fingerprint cannot be read.
    """
    if source.builtin:
        model = BUILT_IN[source.builtin]
        try:
            files = read_fingerprint(model.fingerprint).files
            return Identity(files, model.pictures, model.fingerprint, preview_margin=model.preview_margin)
        except FingerprintError as error:
            raise ProofFailed(str(error)) from error
    return Identity(PUBLIC_FILES, fingerprint=source.folder / RECORD, records=True)


def check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Check that a checker's files are the very ones that they have to be.

    Raises:
        ProofFailed: one is missing or another.
    """
    for name, digest in files.items():
        try:
            found = _digest(folder / name)
        except OSError as error:
            raise ProofFailed(f"{folder / name} cannot be read ({error.strerror})") from error
        if found != digest:
            raise ProofFailed(f"{folder / name} is not the file that it should be; delete it and pull or install again")


def _digest(file: Path) -> str:
    """Return a file's SHA-256, read once as long as the file is the same: a gigabyte takes seconds."""
    at = file.stat()
    return _digest_once(file, at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns)


@lru_cache(maxsize=64)
def _digest_once(file: Path, *identity: int) -> str:
    return digest_of(file)
