"""The processes that the engine starts: what they get to know, and their end."""

from __future__ import annotations

import os
from asyncio.subprocess import Process
from contextlib import suppress

SECRETS = ("DISCORD_TOKEN",)
"""Variables that no child has a use for."""


def child_environment(**more: str) -> dict[str, str]:
    """Return the environment for a child: this process's own without its secrets, and with some variables more."""
    return {name: value for name, value in os.environ.items() if name not in SECRETS} | more


async def kill(process: Process) -> None:
    """End a child at once and wait until it is gone; one that has ended by itself is only waited for."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
