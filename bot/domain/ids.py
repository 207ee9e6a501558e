"""Names and seeds nobody can guess."""

from __future__ import annotations

import secrets

from engine.api import MAX_SEED

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 10


def new_id() -> str:
    """Return ten letters and digits; short enough for a button, one of 2**50."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def random_seed() -> int:
    """Return a seed, 0 to MAX_SEED."""
    return secrets.randbelow(MAX_SEED + 1)
