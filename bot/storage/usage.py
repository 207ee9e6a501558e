"""Count what a member has used."""

from __future__ import annotations

from bot.domain.policy import Usage
from bot.storage.database import Database, Transaction

DAY_S = 86_400

# Failed and cancelled jobs cost nothing, nor do pictures that nobody could judge. A deleted job costs what it had
# drawn: deleting finished pictures must not buy new ones, while deleting a waiting job takes its pictures back.
_USAGE = """
SELECT
    (
        SELECT COALESCE(SUM(CASE state WHEN 'deleted' THEN judged ELSE count - errors END), 0)
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
    ) AS today,
    (
        SELECT COALESCE(SUM(count), 0) FROM jobs
        WHERE guild_id = :guild AND user_id = :user AND state IN ('accepted', 'running')
    ) AS active
"""


async def usage_in(look: Database | Transaction, guild_id: int, user_id: int, now: float) -> Usage:
    """Return the member's usage since the last midnight UTC before `now` (seconds since the epoch)."""
    midnight = now - now % DAY_S
    row = await look.one(_USAGE, {"guild": guild_id, "user": user_id, "midnight": midnight})
    assert row is not None
    return Usage(today=row["today"], active=row["active"], resets_at=midnight + DAY_S)
