"""Checkers with random weights, which only tests take for a model's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.catalog import Source
from engine.catalog.models import CHECKER
from engine.catalog.sources import repository_folder
from engine.worker.safety import ANY, Identity


def any_checker(source: Source) -> Identity:
    """Take whatever is there for a model's own checker."""
    return ANY


def place_checker(folder: Path, models_dir: Path) -> Path:
    """Put the checker of a model's folder where the public one is pulled to; give back that folder."""
    place = repository_folder(models_dir, CHECKER["hub"], CHECKER["revision"])
    for part in ("safety_checker", "feature_extractor"):
        shutil.copytree(folder / part, place / part)
    return place
