"""Bring files from the model hub, and say how far that is."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TextIO

from tqdm import tqdm  # type: ignore[import-untyped]

from engine.catalog import Source
from engine.command_line import FAILED
from engine.hub import HubError, PullProgress, pull
from engine.models_command.errors import ModelsError

TOLD_EVERY_S = 0.5


def bring(name: str, sources: Sequence[tuple[Source, str]], as_json: bool, out: TextIO, err: TextIO) -> None:
    """Pull the files of something of the catalogue.

    Args:
        name: of it, as it is told.
        sources: as for `engine.hub.pull`.
        as_json: whether to print how far it is as lines of JSON.
        out: gets those lines.
        err: gets the progress bar otherwise, if it is a terminal.

    Raises:
        ModelsError: they cannot be had.
    """
    quiet = as_json or not err.isatty()
    with tqdm(desc=name, total=0, unit="B", unit_scale=True, leave=False, file=err, disable=quiet) as bar:
        told_at = 0.0

        def watch(progress: PullProgress) -> None:
            nonlocal told_at
            bar.total = progress.total
            bar.update(progress.done - bar.n)
            if as_json and (time.monotonic() - told_at >= TOLD_EVERY_S or progress.done == progress.total):
                told_at = time.monotonic()
                line = {"model": name, "done": progress.done, "total": progress.total}
                print(json.dumps(line), file=out, flush=True)

        try:
            pull(sources, watch)
        except HubError as error:
            raise ModelsError(f"{name}: {error}", FAILED) from error
