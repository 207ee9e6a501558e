"""What the processes get to know that the engine starts."""

from __future__ import annotations

import os

SECRETS = ("DISCORD_TOKEN",)
"""Variables that no child has a use for."""


def child_environment(**more: str) -> dict[str, str]:
    """Return the environment for a child: this process's own without its secrets, and with some variables more."""
    return {name: value for name, value in os.environ.items() if name not in SECRETS} | more
