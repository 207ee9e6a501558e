"""Files beside the ledger that it may not know of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger

ADOPT = "easel run --adopt-empty-ledger"


def stray(ledger: Ledger, name: str, text: str, folder: str = "pictures") -> Path:
    path = ledger.data_dir / folder / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def quarantined(ledger: Ledger) -> set[str]:
    return {path.read_text() for path in (ledger.data_dir / "quarantine").rglob("*") if path.is_file()}
