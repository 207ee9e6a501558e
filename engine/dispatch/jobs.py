"""One submitted job: what it costs, and the stream of events its listener reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.api import FINAL, Event, GenerationRequest, Progress, Queued

Group = tuple[str, int, int]
ROWS_AN_IMAGE = 2


@dataclass(frozen=True, slots=True)
class Promise:
    """What a waiting job was told of its end, on the loop's clock in seconds.

    Args:
        at_s: when it was told.
        raw_s: how long it should take from then, by the measured rates.
        told_s: the same after calibration: what the listener read.
    """

    at_s: float
    raw_s: float
    told_s: float


class EngineJob:
    """A request on its way to its one final event.

    Unread `Queued` and `Progress` events give way to newer ones, so that a stream nobody reads holds at most four
    events.

    What is known of a job is read by everybody and changed by one, each by the methods that are its own:

    - the listener: `cancel`, and the stream;
    - the dispatcher, while the job waits: `tell_place`, `was_overtaken`;
    - the supervisor of the worker that has the job, and its meter: `take_cancel`, `advance`;
    - whoever of those two has it: `emit`.

    Args:
        request: what was asked.
        changed: called without waiting when a cancel was asked for, so that the dispatcher looks.
    """

    def __init__(self, request: GenerationRequest, changed: Callable[[], None]) -> None:
        self.request = request
        self._changed = changed
        self._cancel_asked = False
        self._cancel_taken = False
        self._over = False
        self._done = 0.0
        self._place_told: tuple[int, int | None] | None = None
        self._promise: Promise | None = None
        self._overtaken = 0.0
        self._unread: deque[Event] = deque()
        self._news = asyncio.Event()

    @property
    def cancel_asked(self) -> bool:
        """Whether the listener wants it to end."""
        return self._cancel_asked

    @property
    def done(self) -> float:
        """How much of it is drawn, from 0 to 1."""
        return self._done

    @property
    def promise(self) -> Promise | None:
        """What its listener was first told of its end; None before, or where nobody could tell."""
        return self._promise

    @property
    def overtaken(self) -> float:
        """Row-steps of the jobs that went before it against the fair order."""
        return self._overtaken

    @property
    def job_id(self) -> str:
        """The ledger's id, as in the request."""
        return self.request.job_id

    @property
    def model(self) -> str:
        """Catalogue id of its model."""
        return self.request.recipe.model

    @property
    def alone(self) -> bool:
        """Whether it has a worker to itself."""
        return self.request.alone

    @property
    def group(self) -> Group:
        """What jobs must have in common to share a worker's batch: model, width, height."""
        recipe = self.request.recipe
        return recipe.model, recipe.width, recipe.height

    @property
    def enlarges(self) -> bool:
        """Whether it makes a picture larger beside a worker's batch, and has no part in that."""
        return self.request.recipe.upscaler is not None

    @property
    def rows(self) -> int:
        """The room it takes in a worker's batch; an image without guidance may take less, never more."""
        return 0 if self.enlarges else ROWS_AN_IMAGE * len(self.request.recipe.images)

    @property
    def cost(self) -> float:
        """Work in all, in rows of the UNet's batch times scheduler steps: the unit of fairness, load and ETA."""
        recipe = self.request.recipe
        rows_per_image = ROWS_AN_IMAGE if recipe.guided else 1
        return float(len(recipe.images) * rows_per_image * recipe.steps_taken)

    @property
    def row_steps(self) -> float:
        """Work left, in the same unit."""
        return self.cost * (1.0 - self._done)

    def cancel(self) -> None:
        """Ask for the job to end. Its stream still ends with one final event, usually Cancelled."""
        if not self._over:
            self._cancel_asked = True
            self._changed()

    def knows_place(self, place: int, pulled: float | None) -> bool:
        """Whether `tell_place` would be no news: that is each place, and each percent of a model that comes."""
        return self._place_told == _place_news(place, pulled)

    def tell_place(self, place: int, pulled: float | None, promise: Promise | None) -> None:
        """Tell the listener its place in the line.

        Args:
            place: from 1.
            pulled: how much of its model has come, from 0 to 1; None when that is here.
            promise: of its end; None if nobody can tell. The first is what is kept.
        """
        self._place_told = _place_news(place, pulled)
        self._promise = self._promise or promise
        self.emit(Queued(place, promise.told_s if promise else None, pulled))

    def was_overtaken(self, row_steps: float) -> None:
        """A job of so much work went before it against the fair order."""
        self._overtaken += row_steps

    def take_cancel(self) -> bool:
        """Say once that a cancel was asked for, so that the worker is told once."""
        if not self._cancel_asked or self._cancel_taken:
            return False
        self._cancel_taken = True
        return True

    def advance(self, done: float) -> None:
        """So much of it is drawn, from 0 to 1."""
        self._done = done

    def emit(self, event: Event) -> None:
        """Hand an event to the listener. After the final one every other is dropped."""
        if self._over:
            return
        self._over = isinstance(event, FINAL)
        unread = self._unread[-1] if self._unread else None
        if isinstance(event, Queued | Progress) and type(event) is type(unread):
            self._unread.pop()
        if isinstance(event, Progress) and isinstance(unread, Progress) and event.preview is None:
            event = replace(event, preview=unread.preview)
        self._unread.append(event)
        self._news.set()

    def __aiter__(self) -> EngineJob:
        return self

    async def __anext__(self) -> Event:
        while not self._unread:
            if self._over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._unread.popleft()


def _place_news(place: int, pulled: float | None) -> tuple[int, int | None]:
    return place, None if pulled is None else int(100 * pulled)
