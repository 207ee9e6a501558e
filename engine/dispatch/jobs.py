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

    Args:
        request: what was asked.
        changed: called without waiting when a cancel was asked for, so that the dispatcher looks.
    """

    def __init__(self, request: GenerationRequest, changed: Callable[[], None]) -> None:
        self.request = request
        self.cancel_asked = False
        self.cancel_sent = False
        self.over = False
        self.done = 0.0
        self.told: tuple[int, int | None] | None = None
        self.promise: Promise | None = None
        self.overtaken = 0.0
        self._changed = changed
        self._unread: deque[Event] = deque()
        self._news = asyncio.Event()

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
        return self.cost * (1.0 - self.done)

    def cancel(self) -> None:
        """Ask for the job to end. Its stream still ends with one final event, usually Cancelled."""
        if not self.over:
            self.cancel_asked = True
            self._changed()

    def emit(self, event: Event) -> None:
        """Hand an event to the listener. After the final one every other is dropped."""
        if self.over:
            return
        self.over = isinstance(event, FINAL)
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
            if self.over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._unread.popleft()
