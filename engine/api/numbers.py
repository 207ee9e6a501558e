"""Numbers of a recipe: finite, within their range, and of one type."""

from __future__ import annotations

import math


def whole(name: str, value: float, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`, as an int. Raises ValueError: it is none."""
    if not _is_number(value) or value != int(value):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, not {value}")
    return int(value)


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    # Not asked of integers, which may be larger than any float.
    return isinstance(value, int) and not isinstance(value, bool)


def real(name: str, value: float, low: float, high: float) -> float:
    """Return a finite number from `low` to `high`, as a float. Raises ValueError: it is none."""
    if not _is_number(value):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, not {value}")
    return float(value) + 0.0  # -0.0 becomes 0.0, so that equal values have one JSON text
