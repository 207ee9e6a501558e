"""How far the ledger has come, noted beside the database: a database that is behind its mark is an older one."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

MARK_NAME = "easel.mark"

_FORM = re.compile(r"([0-9a-f]{32}) (\d{20})\n")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """A moment of a ledger.

    Args:
        ledger: its id, of 32 hexadecimal digits.
        changes: how many transactions have changed it.
    """

    ledger: str
    changes: int


def read_mark(data_dir: Path) -> LedgerMark | None:
    """Return the last mark; None if there is none, or none that can be read."""
    try:
        found = _FORM.fullmatch((data_dir / MARK_NAME).read_text("ascii"))
    except (OSError, ValueError):
        return None
    return LedgerMark(found[1], int(found[2])) if found else None


def write_mark(data_dir: Path, mark: LedgerMark) -> None:
    """Note a mark, once the database is sure to hold what it says.

    It may be lost in a power cut, and then is behind the database, which is no harm. Since the change itself is made, a
    mark that cannot be written is a line in the log.
    """
    try:
        handle = os.open(data_dir / MARK_NAME, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # As long each time, so that it is never there in part.
            os.pwrite(handle, f"{mark.ledger} {mark.changes:020}\n".encode(), 0)
        finally:
            os.close(handle)
    except OSError as error:
        log.warning("%s cannot be written: %s", data_dir / MARK_NAME, error)
