"""A pull in a process of its own: `python -m engine models pull`, which says how far it is as JSON lines.

So it can be broken off at any moment, and what it does costs the event loop nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path

from engine.children import child_environment, kill
from engine.executors.port import PullFailed
from engine.hub import Inventory

COMMAND = (sys.executable, "-m", "engine", "models")


class ProcessPuller:
    """Implements `Puller`.

    Args:
        inventory: knows which models are here, and looks again after each pull.
        models_file, models_dir: where the process reads the catalogue.
        command: program and first arguments.
    """

    def __init__(
        self, inventory: Inventory, models_file: Path, models_dir: Path, command: Sequence[str] = COMMAND
    ) -> None:
        self._inventory = inventory
        self._command = (*command, "--models-file", str(models_file), "--models-dir", str(models_dir), "pull", "--json")

    def is_here(self, model: str) -> bool:
        """Tell whether a model's files are here; one that is not in the catalogue is nowhere."""
        return self._inventory.stock.has(model)

    async def pull(self, model: str) -> AsyncGenerator[float, None]:
        """Bring a model here.

        Raises:
            PullFailed: the process said why not, or could not be started.
        """
        try:
            # A process group of its own: Ctrl-C in the terminal reaches the engine, which then ends the pull.
            process = await asyncio.create_subprocess_exec(
                *(*self._command, model),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                env=child_environment(),
                process_group=0,
            )
        except OSError as error:
            raise PullFailed(f"the pull could not be started ({error.strerror})") from error
        assert process.stdout is not None
        assert process.stderr is not None
        words = asyncio.create_task(process.stderr.read())
        try:
            async for line in process.stdout:
                with suppress(ValueError, KeyError, TypeError, ZeroDivisionError):
                    told = json.loads(line)
                    yield told["done"] / told["total"]
            if await process.wait() != 0:
                said = (await words).decode(errors="replace").strip().splitlines()
                raise PullFailed(said[-1].removeprefix(f"{model}: ").rstrip(".") if said else "the pull ended early")
            await self._inventory.renew()
        finally:
            await kill(process)
            await words
