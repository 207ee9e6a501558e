"""Count what a member has used."""

from __future__ import annotations

from bot.domain.policy import Usage
from bot.storage.database import Transaction

DAY_S = 86_400

# Failed and cancelled jobs cost nothing, nor do pictures that nobody could judge. A deleted job costs what it had
# drawn: deleting finished pictures must not buy new ones, while deleting a waiting job takes its pictures back.
_TODAY = """
SELECT COALESCE(SUM(
    CASE state WHEN 'deleted' THEN judged ELSE count - errors END
), 0) AS pictures
FROM (
    SELECT
        state,
        count,
        (SELECT COUNT(*) FROM images WHERE job_id = jobs.id AND verdict = 'error') AS errors,
        (SELECT COUNT(*) FROM images WHERE job_id = jobs.id AND verdict <> 'error') AS judged
    FROM jobs
    WHERE guild_id = :guild AND user_id = :user AND accepted_at >= :midnight
        AND state NOT IN ('failed', 'cancelled')
)
"""

_ACTIVE = """
SELECT COALESCE(SUM(count), 0) AS pictures FROM jobs
WHERE guild_id = :guild AND user_id = :user AND state IN ('accepted', 'running')
"""


async def usage_in(transaction: Transaction, guild_id: int, user_id: int, now: float) -> Usage:
    """Return the member's usage since the last midnight UTC before `now` (seconds since the epoch)."""
    midnight = now - now % DAY_S
    values = {"guild": guild_id, "user": user_id, "midnight": midnight}
    today = await transaction.one(_TODAY, values)
    active = await transaction.one(_ACTIVE, values)
    assert today is not None
    assert active is not None
    return Usage(today=today["pictures"], active=active["pictures"], resets_at=midnight + DAY_S)
