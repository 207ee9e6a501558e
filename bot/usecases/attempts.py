"""What becomes of a job when an attempt at drawing it ends: whose fault it was, and whether there is another."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from bot.domain.records import UNFINISHED, Generation, JobState
from bot.storage import DatabaseBusy, IllegalMove, StorageError, Store
from bot.usecases.lookup import find_generation
from engine.api import (
    EndsWorkers,
    EngineError,
    EngineStopped,
    Event,
    Failed,
    Finished,
    NotKept,
    TooBusy,
    WorkerDied,
)

MOST_DEATHS = 3
"""Attempts that may end in a death, of a worker or of the bot. After the first the job is drawn alone."""
MOST_REFUSALS = 3
"""Times in a row that an engine which cannot draw may refuse a job that was accepted."""
BACK_OFF_S = 1.0  # doubled with each death
MAX_BUSY_WAIT_S = 10.0

log = logging.getLogger(__name__)


class Attempts:
    """The attempts at one job while one process follows it. Only deaths under a job count, and those the ledger keeps.

    Args:
        store: the ledger.
        clock: seconds since the epoch.
        wait: passes the time between two attempts, in seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float], wait: Callable[[float], Awaitable[None]]) -> None:
        self._store = store
        self._clock = clock
        self._wait = wait
        self._refusals = 0
        self._is_taken_up = False

    async def take_up(self, generation_id: str, *, is_owed: bool = False) -> Generation:
        """Return the job, ready to be submitted. One that is running is what a bot left that was killed, or crashed.

        Args:
            is_owed: it was this process that left it, which could not put it back.

        Raises:
            UnknownGeneration: there is no such job.
        """
        generation = await find_generation(self._store, generation_id)
        if generation.state is JobState.RUNNING:
            if is_owed:
                generation = await self._store.jobs.put_back(generation_id)
            else:
                generation = await self._after_death(generation, generation.attempts)
        self._is_taken_up = True
        return generation

    async def start(self, generation: Generation) -> Generation:
        """Record that a worker began. Returns the job; one that was cancelled or deleted meanwhile is over."""
        try:
            return await self._store.jobs.start(generation.id)
        except IllegalMove:
            return await find_generation(self._store, generation.id)

    async def settle(self, generation: Generation, outcome: Event) -> Generation:
        """Record how an attempt ended. Returns the job, unfinished if it is to be submitted again."""
        error = outcome.error if isinstance(outcome, Failed) else EngineStopped()
        self._refusals = self._refusals + 1 if isinstance(error, EngineStopped) else 0
        try:
            if isinstance(outcome, Finished):
                return await self._finish(generation, outcome)
            match error:
                case TooBusy(eta_s):
                    # Accepted when there was room; waiting for more is no attempt.
                    return await self._pause(generation, min(max(eta_s, BACK_OFF_S), MAX_BUSY_WAIT_S))
                case WorkerDied():
                    started = generation.state is JobState.RUNNING
                    deaths = generation.attempts if started else generation.attempts + 1
                    return await self._pause(
                        await self._after_death(generation, deaths), BACK_OFF_S * 2 ** (deaths - 1)
                    )
                case _ if error.retryable and self._refusals < MOST_REFUSALS:
                    return await self._try_again_freely(generation, error)
            # Cancelled counts as an engine that is stopping, if not by the ledger, which then refuses the move.
            return await self._fail(generation, error)
        except IllegalMove:
            # Cancelled or deleted meanwhile; the ledger knows.
            return await find_generation(self._store, generation.id)

    async def put_back(self, generation_id: str) -> bool:
        """Let a job wait that was running when it ceased to be followed: stopping the bot is no attempt.

        Returns whether that is recorded, or there is nothing to record: a job that was not taken up stays as it was.
        """
        if not self._is_taken_up:
            return True
        try:
            await self._store.jobs.put_back(generation_id)
        except IllegalMove:
            pass  # it is over
        except StorageError as error:
            log.error("Job %s is put back later; a start before that counts an attempt: %s", generation_id, error)
            return False
        return True

    async def _finish(self, generation: Generation, result: Finished) -> Generation:
        pause_s = BACK_OFF_S
        while True:
            try:
                return await self._store.finish(generation.id, result)
            except IllegalMove:
                raise
            except DatabaseBusy as error:
                log.warning("The pictures of %s wait for the ledger: %s", generation.id, error)
            except StorageError as error:
                log.error("The pictures of %s were drawn but not kept: %s", generation.id, error)
                return await self._store.jobs.fail(generation.id, NotKept(), self._clock())
            await self._wait(pause_s)
            pause_s = min(2 * pause_s, MAX_BUSY_WAIT_S)

    async def _after_death(self, generation: Generation, deaths: int) -> Generation:
        """Have the job drawn once more, alone; or end it, if it was alone with two deaths."""
        if deaths >= MOST_DEATHS:
            return await self._fail(generation, EndsWorkers(deaths))
        log.warning("What drew job %s ended, %d times so far; it is drawn alone from now on", generation.id, deaths)
        return await self._store.jobs.wait_again(generation.id, attempts=deaths - generation.attempts)

    async def _fail(self, generation: Generation, error: EngineError) -> Generation:
        failed = await self._store.jobs.fail(generation.id, error, self._clock())
        log.warning("Job %s failed: %s", generation.id, error)
        return failed

    async def _try_again_freely(self, generation: Generation, error: EngineError) -> Generation:
        """Have a job drawn again that had no part in what ended it, however often it was tried before."""
        waiting = await self._store.jobs.put_back(generation.id)
        log.warning("Job %s is tried again, and this was no attempt: %s", generation.id, error)
        return await self._pause(waiting, BACK_OFF_S)

    async def _pause(self, generation: Generation, seconds: float) -> Generation:
        if generation.state not in UNFINISHED:
            return generation
        await self._wait(seconds)
        return await find_generation(self._store, generation.id)
