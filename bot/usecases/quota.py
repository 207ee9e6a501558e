"""What a member may still ask for."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.policy import Limits, Member, Usage, limits_for
from bot.storage import Store


class Quota:
    """Reads limits and usage."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def of(self, member: Member) -> tuple[Limits, Usage]:
        """Return the member's limits and what is used of them."""
        policy = await self._store.guilds.policy(member.guild_id)
        usage = await self._store.jobs.usage(member.guild_id, member.user_id, self._clock())
        return limits_for(policy, member.role_ids), usage
