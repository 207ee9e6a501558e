"""A worker without a process and without torch, for tests: draws coloured squares, and misbehaves as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from engine.api import EngineError, Fault, GenerationRequest, SafetyUnavailable
from engine.executors.fake_messages import finished, progress
from engine.executors.port import WorkerGone
from engine.wire import (
    LENGTH,
    Cancel,
    Draw,
    FromWorker,
    JobCancelled,
    JobFailed,
    JobStarted,
    Leaving,
    Loaded,
    Prefetch,
    Ready,
    Stop,
    ToWorker,
    decode_to_worker,
    frame,
)

HUNG = "the planned detector gave no answer in 60 s"


class StartOutcome(Enum):
    """How a start goes."""

    READY = "ready"
    UNFIT = "unfit"
    DIE = "die"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class FakePlan:
    """What becomes of a job.

    Args:
        die_at_step: the worker dies instead of doing this step, counted from 1.
        block: indices of the pictures that the gate blocks.
        faults: why the gate could not judge pictures, by their indices.
        hang_at_picture: a detector hangs over the picture of this index: it and those after it are not judged, and the
            worker ends itself.
        hang_at_step: a detector hangs over a preview of this step, and the worker ends itself.
        silent_at_step: the worker hangs in this step, and says nothing more about any job.
        fail: the job ends with this error after its last step.
        previews: whether progress carries pictures, where the request wants them.
    """

    die_at_step: int | None = None
    block: frozenset[int] = frozenset()
    faults: Mapping[int, Fault] = field(default_factory=dict)
    hang_at_picture: int | None = None
    hang_at_step: int | None = None
    silent_at_step: int | None = None
    fail: EngineError | None = None
    previews: bool = True


class FakeExecutor:
    """Implements `Executor`. The same image seed in the same recipe always gives the same picture.

    Args:
        name: name of the worker.
        plan: chooses what becomes of a job; may be replaced at any time.
        starts: how the first starts go, in order; later ones are good.
        rows: how much it takes at once, two for an image.
        step_s: how long a step of a job takes, whatever else is drawn.
        load_s: how long loading a model takes.
        room: how many models are ready at once; one that has to leave for another stays near.
    """

    def __init__(
        self,
        name: str = "fake-0",
        plan: Callable[[GenerationRequest], FakePlan] = lambda request: FakePlan(),
        starts: Iterable[StartOutcome] = (),
        rows: int = 2,
        step_s: float = 0.0,
        load_s: float = 0.0,
        room: int = 1,
    ) -> None:
        self.plan = plan
        self.prefetched: list[str] = []
        self.requests: list[GenerationRequest] = []
        self._name = name
        self._starts: Iterator[StartOutcome] = iter(starts)
        self._rows = rows
        self._step_s = step_s
        self._load_s = load_s
        self._room = room
        self._ready: list[str] = []
        self._near: list[str] = []
        self._loading = asyncio.Lock()
        self._inbox: asyncio.Queue[FromWorker | WorkerGone] = asyncio.Queue()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hold_at_step: int | None = None
        self._held: dict[str, asyncio.Event] = {}
        self._hold_changed = asyncio.Event()
        self._is_alive = False
        self._is_silent = False

    @property
    def name(self) -> str:
        """Name of the worker."""
        return self._name

    # What tests do.

    def hold(self, at_step: int = 0) -> None:
        """Make every job wait once it has done this many steps (0: when it has started) until it is released."""
        self._hold_at_step = at_step

    async def held(self) -> str:
        """Wait until a job is held, and return its id."""
        while not self._held:
            self._hold_changed.clear()
            await self._hold_changed.wait()
        return next(iter(self._held))

    def release(self, job_id: str | None = None) -> None:
        """Let one held job go on; without an id let all go on, and hold no more."""
        if job_id is not None:
            self._held.pop(job_id).set()
            return
        self._hold_at_step = None
        while self._held:
            self._held.popitem()[1].set()

    def die(self, reason: str = "it was killed") -> None:
        """End the worker as a crash would: no last words."""
        self._end_tasks()
        if self._is_alive:
            self._is_alive = False
            self._inbox.put_nowait(WorkerGone(f"{self._name}: {reason}"))

    # What the dispatcher does.

    async def start(self) -> Ready:
        """Start as planned."""
        match next(self._starts, StartOutcome.READY):
            case StartOutcome.UNFIT:
                raise SafetyUnavailable("the planted picture was allowed")
            case StartOutcome.DIE:
                raise WorkerGone(f"{self._name}: it ended before it was ready")
            case StartOutcome.HANG:
                await asyncio.Event().wait()
        self._inbox = asyncio.Queue()
        self._is_alive, self._is_silent = True, False
        self._ready, self._near = [], []
        return Ready(self._name, "fake", 1, self._rows)

    def send(self, message: ToWorker) -> None:
        """Take a message; lost when the worker is dead, or hangs."""
        if not self._is_alive or self._is_silent:
            return
        match decode_to_worker(frame(message)[LENGTH.size :]):
            case Draw(request):
                self.requests.append(request)
                self._tasks[request.job_id] = asyncio.create_task(self._draw(request))
            case Cancel(job_id):
                self._cancel(job_id)
            case Prefetch(model):
                self.prefetched.append(model)
                self._tasks[f"prefetch {model}"] = asyncio.create_task(self._prefetch(model))
            case Stop():
                for job_id in list(self._tasks):
                    self._cancel(job_id)
                self.die("it was stopped")

    async def receive(self) -> FromWorker:
        """Return the next message."""
        message = await self._inbox.get()
        if isinstance(message, WorkerGone):
            self._inbox.put_nowait(message)
            raise message
        return message

    async def stop(self) -> None:
        """End the worker."""
        self.die("it was stopped")

    async def _draw(self, request: GenerationRequest) -> None:
        plan, recipe = self.plan(request), request.recipe
        await self._make_ready(recipe.model)
        self._tell(JobStarted(request.job_id))
        for step in range(1, recipe.steps_taken + 1):
            await self._wait_while_held(request.job_id, step - 1)
            if plan.die_at_step == step:
                self.die(f"it died at step {step}")
            if plan.hang_at_step == step:
                self._leave(request)
            if plan.silent_at_step == step:
                self._is_silent = True
                self._end_tasks()
            await asyncio.sleep(self._step_s)
            self._tell(progress(request, step, plan.previews and request.previews))
        await self._wait_while_held(request.job_id, recipe.steps_taken)
        if plan.hang_at_picture is not None:
            unseen = range(plan.hang_at_picture, len(recipe.images))
            plan = replace(plan, faults={**plan.faults, **dict.fromkeys(unseen, Fault.DETECTOR_HUNG)})
            self._leave(request, finished(request, plan.block, plan.faults, self._name))
        elif plan.fail is not None:
            self._tell(JobFailed(request.job_id, plan.fail.code, plan.fail.to_data()))
        else:
            self._tell(finished(request, plan.block, plan.faults, self._name))
        self._tasks.pop(request.job_id, None)

    def _leave(self, request: GenerationRequest, last_word: FromWorker | None = None) -> None:
        """End as a worker does whose detector hangs."""
        self._tell(Leaving(request.job_id, HUNG))
        if last_word is not None:
            self._tell(last_word)
        self.die(HUNG)

    async def _make_ready(self, model: str) -> None:
        await self._load(model)
        if model in self._near:
            self._near.remove(model)
            self._near += self._ready[: len(self._ready) + 1 - self._room]
            self._ready = [*self._ready, model][-self._room :]
            self._tell(Loaded(tuple(self._ready), tuple(self._near)))

    async def _prefetch(self, model: str) -> None:
        await self._load(model)
        self._tell(Loaded(tuple(self._ready), tuple(self._near)))
        self._tasks.pop(f"prefetch {model}", None)

    async def _load(self, model: str) -> None:
        async with self._loading:
            if model not in (*self._ready, *self._near):
                await asyncio.sleep(self._load_s)
                self._near.append(model)

    async def _wait_while_held(self, job_id: str, step: int) -> None:
        if step != self._hold_at_step:
            return
        released = self._held[job_id] = asyncio.Event()
        self._hold_changed.set()
        try:
            await released.wait()
        finally:
            self._held.pop(job_id, None)

    def _tell(self, message: FromWorker) -> None:
        if self._is_alive:
            self._inbox.put_nowait(message)

    def _cancel(self, job_id: str) -> None:
        if task := self._tasks.pop(job_id, None):
            task.cancel()
            self._tell(JobCancelled(job_id))

    def _end_tasks(self) -> None:
        while self._tasks:
            self._tasks.popitem()[1].cancel()
