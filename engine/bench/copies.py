"""The built-in model under other names, as if each had been pulled: what measures the bot wants a catalogue of several.

No worker loads one: their safety checker would be the public one, and is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.catalog import OWN_FILE, load_catalog
from engine.catalog.builtin import BUILT_IN
from engine.hub import sources_of
from engine.hub.receipts import write_receipt
from engine.hub.repository import Listing, RemoteFile

COPIES = tuple(f"pocket-{number}" for number in range(1, 7))

_TABLE = """
[{name}]
title = "{name}"
family = "sd1"
licence = "as pocket's"
description = "a copy of the built-in model"
source = {{ hub = "easel/{name}" }}
sizes = [{{ name = "square", width = 128, height = 128 }}]
size_step = 8
min_side = 64
"""


def put_copies(models_file: Path, models_dir: Path, names: Sequence[str] = COPIES) -> None:
    """Fill a models' folder: a catalogue of its own, files, and a receipt for each part of each model.

    Args:
        models_file: the catalogue that it is beside.
        models_dir: the folder, which is made.
        names: of the models.

    Raises:
        CatalogError: the catalogue cannot be used.
    """
    models_dir.mkdir(parents=True)
    (models_dir / OWN_FILE).write_text("".join(_TABLE.format(name=name) for name in names), "utf-8")
    folder = BUILT_IN["pocket"].folder
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    files = {name: RemoteFile(name, path.stat().st_size, "", "") for name, path in paths.items()}
    for entry in load_catalog(models_file, models_dir).entries:
        for source, part in sources_of(entry) if entry.info.id in names else ():
            for name, path in paths.items():
                target = source.folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():  # the copies share their checker
                    target.symlink_to(path)
            write_receipt(source, part, Listing("", "", files), tuple(files.values()))
