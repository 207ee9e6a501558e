"""See an accepted job through the engine."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from bot.policy import Member
from bot.records import UNFINISHED, Generation, JobState
from bot.storage import CannotSave, DatabaseBusy, IllegalMove, StorageError, Store
from bot.usecases.lookup import check_owner, find_for, find_generation
from bot.usecases.refusals import AlreadyUnderWay, NotCancellable
from engine.api import (
    FINAL,
    Cancelled,
    EngineClient,
    EngineError,
    EngineStopped,
    Event,
    Failed,
    Finished,
    GenerationFailed,
    GenerationRequest,
    Job,
    NotKept,
    Preview,
    Progress,
    Queued,
    Started,
    TooBusy,
    WorkerReplaced,
)

MAX_ATTEMPTS = 3
BACK_OFF_S = 1.0  # doubled with each attempt
MAX_BUSY_WAIT_S = 10.0

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The job waits.

    Args:
        position: 1 for the next.
        eta_s: seconds until its result, None if unknown.
        pulled: how much of its model is downloaded, 0.0 to 1.0; None when it is not being downloaded.
    """

    position: int
    eta_s: float | None
    pulled: float | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """`step` of `total` steps are done; step 0 is the start. `preview` comes now and then, of an earlier step."""

    step: int
    total: int
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The last update. The generation's state is finished (deliver it), delivered, failed, cancelled, ..."""

    generation: Generation


Update = Waiting | Drawing | Ended


class Park(Protocol):
    """The seam around every wait for the engine; tests park such waits so that time may pass meanwhile."""

    def __call__(self, awaitable: Awaitable[T], /) -> Awaitable[T]: ...


async def unparked(awaitable: Awaitable[T], /) -> T:
    """Wait as usual."""
    return await awaitable


class Draw:
    """Submits jobs to the engine and keeps the ledger in step with what becomes of them.

    Owns the engine's jobs of this process: each is followed by one consumer at a time.
    """

    def __init__(
        self,
        store: Store,
        engine: EngineClient,
        park: Park,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._store = store
        self._engine = engine
        self._park = park
        self._clock = clock
        self._sleep = sleep
        self._live: dict[str, Job | None] = {}
        # Jobs that nobody follows any more and the engine has not let go of; it alone keeps them.
        self._leaving: WeakValueDictionary[str, Job] = WeakValueDictionary()

    async def follow(self, generation_id: str, max_file_bytes: int = 0) -> AsyncGenerator[Update, None]:
        """Draw the job and yield what happens, ending with one Ended.

        A job that is over yields Ended at once. If the consumer stops before that, the engine's job is cancelled and
        the ledger's stays unfinished, so that the next start takes it up.

        Args:
            max_file_bytes: as in `GenerationRequest`.

        Raises:
            UnknownGeneration: there is no such job.
            AlreadyUnderWay: the job is being followed.
        """
        if generation_id in self._live:
            raise AlreadyUnderWay(generation_id)
        self._live[generation_id] = None
        try:
            generation = await self._take_up(generation_id)
            while generation.state in UNFINISHED:
                outcome: Event = Cancelled()
                async for event in self._events(generation, max_file_bytes):
                    outcome = event
                    if isinstance(event, Started):
                        generation = await self._start(generation)
                        if generation.state not in UNFINISHED:
                            break
                    update = self._update(event, generation)
                    if update is not None:
                        yield update
                generation = await self._settle(generation, outcome)
            await self._store.drop_inputs(generation)
        except CannotSave as error:
            generation = await self._end_unrecorded(generation_id, error)
        finally:
            self.stop(generation_id)
            if job := self._live.pop(generation_id):
                self._leaving[generation_id] = job
        yield Ended(generation)

    async def _end_unrecorded(self, generation_id: str, why: CannotSave) -> Generation:
        """End a job because of which nothing can be recorded, rather than leave it under way until the next start."""
        log.error("Job %s ends, because it cannot be recorded: %s", generation_id, why)
        try:
            return await self._store.jobs.fail(generation_id, NotKept(), self._clock())
        except IllegalMove:
            return await find_generation(self._store, generation_id)

    async def cancel(self, member: Member, generation_id: str) -> None:
        """End an unfinished job: the ledger at once, the engine as soon as it can.

        Raises:
            UnknownGeneration, GenerationDeleted: there is no such job here.
            NotAllowed: the member neither made it nor moderates.
            NotCancellable: it is over.
        """
        generation = await find_for(self._store, member, generation_id)
        check_owner(member, generation, "cancel")
        try:
            await self._store.jobs.cancel(generation_id, self._clock())
        except IllegalMove as error:
            raise NotCancellable(generation_id) from error
        self.stop(generation_id)

    async def give_up(self, generation_id: str) -> None:
        """Record that a fault of the bot ended an unfinished job.

        Raises:
            IllegalMove: it is over.
        """
        reason = "the bot met a fault of its own"
        await self._store.jobs.fail(generation_id, GenerationFailed(reason), self._clock())

    async def in_hand(self) -> tuple[Generation, ...]:
        """Return what a restart must take up, oldest first: what is not over, and what nobody was told the end of."""
        return await self._store.jobs.in_hand()

    def stop(self, generation_id: str) -> None:
        """Cancel the engine's job, if this process has one. The ledger is the caller's."""
        job = self._live.get(generation_id)
        if job is not None:
            job.cancel()

    async def _take_up(self, generation_id: str) -> Generation:
        """Return the job, ready to be submitted. One that was running is what a stopped bot left behind."""
        generation = await find_generation(self._store, generation_id)
        if generation.state is not JobState.RUNNING:
            return generation
        if generation.attempts >= MAX_ATTEMPTS:
            # Perhaps drawing it is what stopped the bot, each time.
            reason = f"the bot stopped {generation.attempts} times while drawing it"
            return await self._store.jobs.fail(generation_id, GenerationFailed(reason), self._clock())
        return await self._store.jobs.wait_again(generation_id)

    async def _events(self, generation: Generation, max_file_bytes: int) -> AsyncIterator[Event]:
        """Submit the job and yield its events; what the engine refuses is a failure like any other."""
        wanted = generation.recipe.init_image
        inputs = [await self._store.read_start(name) for name in wanted.files] if wanted else []
        request = GenerationRequest(
            recipe=generation.recipe,
            job_id=generation.id,
            attempt=generation.attempts + 1,
            accepted_at=generation.accepted_at,
            tenant=f"{generation.place.guild_id}:{generation.user_id}",
            # What ended an earlier attempt may have been a preview.
            previews=generation.attempts == 0 and await self._shows_previews(generation),
            # What is not there any more the engine misses, and says so.
            inputs=tuple(data for data in inputs if data is not None),
            max_file_bytes=max_file_bytes,
        )
        if leaving := self._leaving.pop(generation.id, None):
            await self._park(_end(leaving))
        try:
            job = self._engine.submit(request)
        except EngineError as error:
            yield Failed(error)
            return
        self._live[generation.id] = job
        events = aiter(job)
        while (event := await self._park(_next(events))) is not None:
            if isinstance(event, FINAL):
                self._live[generation.id] = None
            yield event

    async def _shows_previews(self, generation: Generation) -> bool:
        return (await self._store.guilds.policy(generation.place.guild_id)).previews

    def _update(self, event: Event, generation: Generation) -> Update | None:
        match event:
            case Queued(position, eta_s, pulled):
                return Waiting(position, eta_s, pulled)
            case Started():
                return Drawing(0, generation.recipe.steps_taken)
            case Progress(step, total, preview):
                return Drawing(step, total, preview)
            case Failed(TooBusy(eta_s)):
                return Waiting(self._engine.status().queued + 1, eta_s)
        return None

    async def _start(self, generation: Generation) -> Generation:
        try:
            return await self._store.jobs.start(generation.id)
        except IllegalMove:
            return await find_generation(self._store, generation.id)

    async def _settle(self, generation: Generation, outcome: Event) -> Generation:
        """Record how an attempt ended. Returns the job, unfinished if it is to be submitted again."""
        try:
            match outcome:
                case Finished():
                    return await self._finish(generation, outcome)
                case Failed(TooBusy(eta_s)):
                    # Accepted when there was room; waiting for more is no attempt.
                    return await self._pause(generation, min(max(eta_s, BACK_OFF_S), MAX_BUSY_WAIT_S))
                case Failed(WorkerReplaced() as error):
                    return await self._try_again_freely(generation, error)
                case Failed(error):
                    return await self._retry_or_fail(generation, error)
            # Cancelled: if not by the ledger, which then refuses the move, then by an engine that is stopping.
            return await self._retry_or_fail(generation, EngineStopped())
        except IllegalMove:
            # Cancelled or deleted meanwhile; the ledger knows.
            return await find_generation(self._store, generation.id)

    async def _finish(self, generation: Generation, result: Finished) -> Generation:
        try:
            return await self._store.finish(generation.id, result)
        except (IllegalMove, DatabaseBusy):
            raise
        except StorageError as error:
            log.error("The pictures of %s were drawn but not kept: %s", generation.id, error)
            return await self._store.jobs.fail(generation.id, NotKept(), self._clock())

    async def _retry_or_fail(self, generation: Generation, error: EngineError) -> Generation:
        started = generation.state is JobState.RUNNING
        attempts = generation.attempts if started else generation.attempts + 1
        if not error.retryable or attempts >= MAX_ATTEMPTS:
            failed = await self._store.jobs.fail(generation.id, error, self._clock())
            log.warning("Job %s failed at attempt %d: %s", generation.id, attempts, error)
            return failed
        waiting = await self._store.jobs.wait_again(generation.id, attempts=0 if started else 1)
        log.warning("Job %s is tried again after attempt %d: %s", generation.id, attempts, error)
        return await self._pause(waiting, BACK_OFF_S * 2 ** (attempts - 1))

    async def _try_again_freely(self, generation: Generation, error: EngineError) -> Generation:
        """Have a job drawn again that had no part in what ended it, however often it was tried before."""
        started = generation.state is JobState.RUNNING
        waiting = await self._store.jobs.wait_again(generation.id, attempts=-1 if started else 0)
        log.warning("Job %s is tried again, and this was no attempt: %s", generation.id, error)
        return await self._pause(waiting, BACK_OFF_S)

    async def _pause(self, generation: Generation, seconds: float) -> Generation:
        await self._park(self._sleep(seconds))
        return await find_generation(self._store, generation.id)


async def _end(job: Job) -> None:
    """Wait until the engine has let go of a job."""
    async for _ in job:
        pass


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)
