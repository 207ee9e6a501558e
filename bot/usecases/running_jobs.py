"""See an accepted job through the engine."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from bot.domain.policy import Member
from bot.domain.records import UNFINISHED, Generation
from bot.storage import CannotSave, IllegalMove, Store
from bot.usecases.attempts import Attempts
from bot.usecases.lookup import check_owner, find_for, find_generation
from bot.usecases.refusals import AlreadyUnderWay, NotCancellable
from engine.api import (
    FINAL,
    Cancelled,
    EngineClient,
    EngineError,
    Event,
    Failed,
    GenerationFailed,
    GenerationRequest,
    Job,
    NotKept,
    Preview,
    Progress,
    Queued,
    Started,
    TooBusy,
)

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


class RunningJobs:
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
        self._owed: set[str] = set()  # jobs that the ledger takes for running, because they could not be put back
        # Jobs that nobody follows any more and the engine has not let go of; it alone keeps them.
        self._leaving: WeakValueDictionary[str, Job] = WeakValueDictionary()

    async def follow(self, generation_id: str, max_file_bytes: int = 0) -> AsyncGenerator[Update, None]:
        """Draw the job and yield what happens, ending with one Ended.

        A job that is over yields Ended at once. If the consumer stops before that, the engine's job is cancelled and
        the ledger's waits for the next start, which takes it up; that was no attempt.

        Args:
            max_file_bytes: as in `GenerationRequest`.

        Raises:
            UnknownGeneration: there is no such job.
            AlreadyUnderWay: the job is being followed.
        """
        if generation_id in self._live:
            raise AlreadyUnderWay(generation_id)
        self._live[generation_id] = None
        attempts = Attempts(self._store, self._clock, self._wait)
        try:
            generation = await attempts.take_up(generation_id, is_owed=generation_id in self._owed)
            self._owed.discard(generation_id)
            while generation.state in UNFINISHED:
                outcome: Event = Cancelled()
                async for event in self._events(generation, max_file_bytes):
                    outcome = event
                    if isinstance(event, Started):
                        generation = await attempts.start(generation)
                        if generation.state not in UNFINISHED:
                            break
                    update = self._update(event, generation)
                    if update is not None:
                        yield update
                generation = await attempts.settle(generation, outcome)
            await self._store.drop_inputs(generation)
        except CannotSave as error:
            generation = await self._end_unrecorded(generation_id, error)
        except BaseException:
            if not await attempts.put_back(generation_id):
                self._owed.add(generation_id)
            raise
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

    async def unsettled(self) -> tuple[Generation, ...]:
        """Return what a restart must take up, oldest first: what is not over, and what nobody was told the end of."""
        return await self._store.jobs.unsettled()

    def stop(self, generation_id: str) -> None:
        """Cancel the engine's job, if this process has one. The ledger is the caller's."""
        job = self._live.get(generation_id)
        if job is not None:
            job.cancel()

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
            alone=generation.attempts > 0,
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

    async def _wait(self, seconds: float) -> None:
        await self._park(self._sleep(seconds))

    async def _shows_previews(self, generation: Generation) -> bool:
        return await self._store.guilds.previews(generation.place.guild_id)

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


async def _end(job: Job) -> None:
    """Wait until the engine has let go of a job."""
    async for _ in job:
        pass


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)
