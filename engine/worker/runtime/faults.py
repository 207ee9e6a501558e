"""Exceptions: in one line, for reasons that cross the wire, while the traceback goes to stderr; and those of memory."""

from __future__ import annotations

import errno

import torch

_SIGNS = (
    "defaultcpuallocator",
    "allocate memory",
    "could not create a primitive",  # oneDNN has no other word for it
    "bad_alloc",
    "bad allocation",
    "can't start new thread",
)
"""What libraries say when the RAM is used up: on a CPU nobody raises torch.OutOfMemoryError."""


def one_line(error: BaseException) -> str:
    """Return an exception's class and the first line of its message, without a full stop."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def ran_out(error: BaseException | None) -> bool:
    """Tell whether an error, or what caused it, is that there is no memory left, on a card or in RAM."""
    if error is None:
        return False
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    said = str(error).lower()
    return any(sign in said for sign in _SIGNS) or ran_out(error.__cause__)
