"""Requests in one line, and a loop whose clock jumps, so that half a minute of back-off costs nothing."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import pytest

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.dispatch import Dispatcher
from engine.executors.port import Executor
from engine.settings import EngineSettings


@pytest.fixture
def make_request() -> Callable[..., GenerationRequest]:
    """Return a maker of requests; each is accepted one second after the one before."""
    numbers = count(1)

    def make(
        tenant: str = "ann",
        *,
        job_id: str | None = None,
        steps: int = 4,
        images: int = 1,
        accepted_at: float | None = None,
        deadline: float | None = None,
        weight: float = 1.0,
        model: str = "pocket",
        side: int = 16,
        previews: bool = True,
    ) -> GenerationRequest:
        number = next(numbers)
        seeds = tuple(ImageSeed(seed) for seed in range(images))
        recipe = Recipe(model, "1", "a red apple", "", side, side, steps, 4.5, "Euler", seeds)
        return GenerationRequest(
            recipe,
            job_id=job_id or f"job-{number}",
            attempt=1,
            accepted_at=float(number) if accepted_at is None else accepted_at,
            tenant=tenant,
            weight=weight,
            deadline=deadline,
            previews=previews,
        )

    return make


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for nothing: time passes instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everybody waits for something that will never happen")
        if not ready and timeout is not None:
            self.now += max(timeout, 0)
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock starts at 0 and jumps to the next timer when there is nothing left to do."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


@pytest.fixture
def simulate() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Return a runner of coroutines in jumping time."""

    def run(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(coroutine)

    return run


@pytest.fixture
def run(simulate: Callable[[Coroutine[Any, Any, None]], None]) -> Callable[..., None]:
    """Return a runner of scenarios: `run(scenario, executor, ..., setting=value)` hands each an open dispatcher."""

    def run(scenario: Callable[[Dispatcher], Coroutine[Any, Any, None]], *executors: Executor, **changes: Any) -> None:
        async def whole() -> None:
            settings = EngineSettings(start_timeout_s=60).model_copy(update=changes)
            dispatcher = Dispatcher(executors, settings, asyncio.get_running_loop().time)
            dispatcher.open()
            try:
                await scenario(dispatcher)
            finally:
                await dispatcher.close()

        simulate(whole())

    return run
