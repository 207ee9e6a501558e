"""Jobs of a model that is not here wait in the line while it is pulled, and are told how far that is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pytest

from engine.api import Event, Failed, Finished, GenerationRequest, Job, ModelUnavailable, Queued
from engine.dispatch import Dispatcher
from engine.dispatch.pulls import FIRST_PAUSE_S
from engine.executors.fake import FakeExecutor
from engine.executors.port import PullFailed
from engine.settings import EngineSettings

MakeRequest = Callable[..., GenerationRequest]
Scenario = Callable[[Dispatcher, "FakePuller"], Coroutine[Any, Any, None]]


class FakePuller:
    """Brings "far" here when it is told to, a quarter at a time."""

    def __init__(self) -> None:
        self.here = {"pocket"}
        self.pulls: list[str] = []
        self.fails = ""
        self.broken_off = 0
        self.go_on = asyncio.Semaphore(0)

    def is_here(self, model: str) -> bool:
        return model in self.here

    async def pull(self, model: str) -> AsyncGenerator[float, None]:
        self.pulls.append(model)
        try:
            for quarters in range(1, 5):
                await self.go_on.acquire()
                if self.fails:
                    raise PullFailed(self.fails)
                yield quarters / 4
            self.here.add(model)
        except asyncio.CancelledError:
            self.broken_off += 1
            raise


@pytest.fixture
def pulling(simulate: Callable[[Coroutine[Any, Any, None]], None]) -> Callable[[Scenario], FakePuller]:
    """Run a scenario with a dispatcher whose models come through a puller; give back the puller."""

    def run(scenario: Scenario) -> FakePuller:
        pullers: list[FakePuller] = []

        async def whole() -> None:
            puller = FakePuller()
            pullers.append(puller)
            clock = asyncio.get_running_loop().time
            dispatcher = Dispatcher([FakeExecutor("w")], EngineSettings(), clock, puller)
            dispatcher.open()
            try:
                await scenario(dispatcher, puller)
            finally:
                await dispatcher.close()

        simulate(whole())
        return pullers[0]

    return run


async def events(job: Job) -> list[Event]:
    return [event async for event in job]


def test_one_pull_serves_all_who_wait_and_each_is_told_how_far_it_is(
    make_request: MakeRequest, pulling: Callable[[Scenario], FakePuller]
) -> None:
    async def scenario(dispatcher: Dispatcher, puller: FakePuller) -> None:
        jobs = [dispatcher.submit(make_request(name, model="far")) for name in ("ann", "ben")]
        told: list[list[Event]] = [[], []]
        for _ in range(4):
            for heard, job in zip(told, jobs, strict=True):
                heard.append(await anext(aiter(job)))
            puller.go_on.release()
        for number, (heard, job) in enumerate(zip(told, jobs, strict=True), start=1):
            assert heard == [Queued(number, None, share) for share in (0.0, 0.25, 0.5, 0.75)]
            assert isinstance((await events(job))[-1], Finished)
        assert isinstance((await events(dispatcher.submit(make_request(model="far"))))[-1], Finished)

    assert pulling(scenario).pulls == ["far"]


def test_others_are_drawn_while_a_model_is_pulled(
    make_request: MakeRequest, pulling: Callable[[Scenario], FakePuller]
) -> None:
    async def scenario(dispatcher: Dispatcher, puller: FakePuller) -> None:
        waiting = dispatcher.submit(make_request(model="far"))
        assert isinstance((await events(dispatcher.submit(make_request())))[-1], Finished)
        waiting.cancel()
        await events(waiting)

    assert pulling(scenario).broken_off == 1


def test_a_pull_that_fails_ends_the_jobs_that_wait_and_is_tried_again_after_a_while(
    make_request: MakeRequest, pulling: Callable[[Scenario], FakePuller]
) -> None:
    async def scenario(dispatcher: Dispatcher, puller: FakePuller) -> None:
        puller.fails = "the disk is full"
        puller.go_on.release()
        final = (await events(dispatcher.submit(make_request(model="far"))))[-1]
        assert isinstance(final, Failed)
        assert isinstance(final.error, ModelUnavailable)
        assert final.error.reason == "the disk is full"
        with pytest.raises(ModelUnavailable, match="the disk is full"):
            dispatcher.check("far")
        assert dispatcher.status().trouble == "The model 'far' could not be pulled: the disk is full."
        await asyncio.sleep(FIRST_PAUSE_S)
        puller.fails = ""
        for _ in range(4):
            puller.go_on.release()
        assert isinstance((await events(dispatcher.submit(make_request(model="far"))))[-1], Finished)
        assert dispatcher.status().trouble == ""

    assert pulling(scenario).pulls == ["far", "far"]


def test_a_pull_is_broken_off_when_the_engine_closes(
    make_request: MakeRequest, pulling: Callable[[Scenario], FakePuller]
) -> None:
    async def scenario(dispatcher: Dispatcher, puller: FakePuller) -> None:
        job = dispatcher.submit(make_request(model="far"))
        assert await anext(aiter(job)) == Queued(1, None, 0.0)

    assert pulling(scenario).broken_off == 1
