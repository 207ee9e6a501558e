"""The data folder of `easel models`."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where models are pulled, added and merged to; the folder is not there yet."""
    monkeypatch.setenv("EASEL_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data" / "models"
