"""A sleep that lasts until the test says so."""

from __future__ import annotations

import asyncio


class Turns:
    """Handed in where something sleeps between its turns; used by one sleeper."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._asleep = asyncio.Semaphore(0)
        self._awake = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        """Sleep until the next turn is wanted."""
        self.slept.append(seconds)
        self._asleep.release()
        await self._awake.acquire()

    async def next(self) -> None:
        """Let the sleeper take one turn, and wait until it sleeps again."""
        await self._asleep.acquire()
        self._awake.release()
        await self._asleep.acquire()
        self._asleep.release()
