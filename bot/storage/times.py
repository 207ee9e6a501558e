"""What the clock must be like before anything is removed for its age."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.storage.database import MOST_AHEAD_S, MOST_BEHIND_S


def clock_doubt(now: float, newest: float | None) -> str | None:
    """Say why a clock may be wrong; None if it may well be right.

    Args:
        now: what it tells, in seconds since the epoch.
        newest: the newest change in the ledger that was made by a clock that could be right; None before any.
    """
    if newest is None or newest - MOST_BEHIND_S <= now <= newest + MOST_AHEAD_S:
        return None
    where = "before" if now < newest else "days after"
    return (
        f"This machine's clock says {_day(now)}, which is {where} the newest record ({_day(newest)}), so no picture is "
        "removed for its age. If the clock is wrong, set it. If it is right, because Easel was away for so long, "
        "restart once with: easel run --clock-is-right"
    )


def _day(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, OSError, ValueError):
        return f"{at:.0f} s after 1970"
