"""`/quota`."""

from __future__ import annotations

from bot.domain.policy import Limits, Usage
from bot.texts.phrases import moment, pictures

QUOTA = "See how many pictures you may still ask for"


def quota(limits: Limits, usage: Usage) -> str:
    left = max(0, limits.pictures_per_day - usage.today)
    return "\n".join(
        [
            f"Today: {usage.today} of {pictures(limits.pictures_per_day)} used, {left} left. "
            f"It starts again {moment(usage.resets_at)}.",
            f"Under way: {usage.active} of {limits.pictures_at_once}.",
            f"In one request: {pictures(limits.pictures_per_request)}, sides up to {limits.largest_side} pixels, "
            f"up to {limits.most_steps} steps.",
        ]
    )
