"""Exceptions in one line, for reasons that cross the wire; the whole traceback goes to stderr."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """Return an exception's class and the first line of its message, without a full stop."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__
