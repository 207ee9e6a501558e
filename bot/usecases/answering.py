"""Remember which interactions were answered before a job was accepted, so that a restart can end them."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.records import InteractionKey
from bot.storage import Store


class Answering:
    """Keeps keys in the ledger, from the answer that stands in for a job's message until there is a job, or none."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def begun(self, key: InteractionKey) -> None:
        """Record that an interaction is about to be answered."""
        await self._store.interactions.keep(key, self._clock())

    async def over(self, key: InteractionKey) -> None:
        """Record that no job was accepted, and that its member is told why."""
        await self._store.interactions.drop(key.id)

    async def left(self) -> tuple[InteractionKey, ...]:
        """Return what an earlier process answered and did not come back to, if it is not too old for it."""
        return await self._store.interactions.without_job(self._clock())
