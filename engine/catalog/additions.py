"""Write what is added to the catalogue on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.catalog.models import OWN_FILE, load_catalog


def write_entry(id: str, values: Mapping[str, Any], models_dir: Path, kind: str = "") -> Path:
    """Add a table to the catalogue of this machine, if the catalogue can be read with it; return its file.

    Args:
        id: of the model, or name of the add-on; not there yet.
        values: of its table.
        models_dir: as in `load_catalog`.
        kind: of the add-on; empty for a model.

    Raises:
        CatalogError: it cannot; nothing was written.
    """
    path = models_dir / OWN_FILE
    before = path.read_text("utf-8") if path.exists() else ""
    header = f"{kind}.{_toml(id)}" if kind else id
    lines = [f"[{header}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    written = path.with_name(f".{OWN_FILE}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(f"{before}\n" * bool(before) + "\n".join(lines) + "\n", "utf-8")
    try:
        load_catalog(written, models_dir / "none")
        os.replace(written, path)
    finally:
        written.unlink(missing_ok=True)
    return path


def _toml(value: Any) -> str:
    """Return a value as TOML; its strings are written as JSON's are."""
    match value:
        case dict():
            return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
