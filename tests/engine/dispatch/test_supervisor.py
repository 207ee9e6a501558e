"""What a lane makes of a worker that does not keep to the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from engine.api import (
    EngineError,
    Failed,
    Finished,
    GenerationFailed,
    GenerationRequest,
    ImageResult,
    Provenance,
    Verdict,
    WorkerDied,
    WorkerReplaced,
)
from engine.dispatch import Dispatcher
from engine.executors.fake import FakeExecutor
from engine.executors.port import WorkerGone
from engine.settings import EngineSettings
from engine.wire import Draw, FromWorker, JobCancelled, JobFailed, JobFinished, JobProgress, Ready, ToWorker

GUARD_S = 600.0
SETTINGS = EngineSettings(queue_limit=10, start_timeout_s=60)
FACTS = Provenance("w", "cpu", 1, "float32", (), 1.0)
BLOCKED = ImageResult(0, Verdict.BLOCK, "planned")


class Scripted:
    """An executor that answers a Draw with the given messages."""

    name = "w"

    def __init__(self, answer: Callable[[str], list[FromWorker]]) -> None:
        self._answer = answer
        self._inbox: asyncio.Queue[FromWorker] = asyncio.Queue()

    async def start(self) -> Ready:
        return Ready("w", "cpu", 1)

    def send(self, message: ToWorker) -> None:
        if isinstance(message, Draw):
            for answer in self._answer(message.request.job_id):
                self._inbox.put_nowait(answer)

    async def receive(self) -> FromWorker:
        return await self._inbox.get()

    async def stop(self) -> None:
        pass


async def error_of(request: GenerationRequest, *answers: Callable[[str], FromWorker]) -> EngineError:
    dispatcher = Dispatcher([Scripted(lambda job_id: [answer(job_id) for answer in answers])], SETTINGS)
    dispatcher.open()
    async with asyncio.timeout(GUARD_S):
        events = [event async for event in dispatcher.submit(request)]
    await dispatcher.close()
    final = events[-1]
    assert isinstance(final, Failed)
    return final.error


async def test_an_error_with_an_unknown_code_becomes_generation_failed(
    make_request: Callable[..., GenerationRequest],
) -> None:
    error = await error_of(make_request(), lambda job_id: JobFailed(job_id, "from_the_future", {}))
    assert isinstance(error, GenerationFailed)
    assert "from_the_future" in error.reason


async def test_an_error_whose_data_do_not_fit_becomes_generation_failed(
    make_request: Callable[..., GenerationRequest],
) -> None:
    error = await error_of(make_request(), lambda job_id: JobFailed(job_id, "worker_died", {"colour": "red"}))
    assert isinstance(error, GenerationFailed)


@pytest.mark.parametrize("results", [(), (BLOCKED,), (BLOCKED, BLOCKED)])
async def test_results_that_are_not_one_per_image_are_not_passed_on(
    make_request: Callable[..., GenerationRequest], results: tuple[ImageResult, ...]
) -> None:
    request = make_request(images=2)
    error = await error_of(request, lambda job_id: JobFinished(job_id, results, None, FACTS))
    assert isinstance(error, GenerationFailed)


async def test_a_job_cancelled_by_a_worker_that_was_told_to_stop_had_no_part_in_that(
    make_request: Callable[..., GenerationRequest],
) -> None:
    error = await error_of(make_request(), JobCancelled)
    assert isinstance(error, WorkerReplaced)
    assert error.retryable


async def test_messages_about_unknown_jobs_and_out_of_turn_are_ignored(
    make_request: Callable[..., GenerationRequest],
) -> None:
    error = await error_of(
        make_request(),
        lambda job_id: JobProgress("nobody's", 1, 2),
        lambda job_id: Ready("w", "cpu", 1),
        lambda job_id: JobProgress(job_id, 0, 0),
        lambda job_id: JobFailed(job_id, "generation_failed", {"reason": "expected"}),
    )
    assert isinstance(error, GenerationFailed)
    assert error.reason == "expected"


class Crashing(Scripted):
    """An executor with a bug: `receive` raises what it must not."""

    async def receive(self) -> FromWorker:
        await super().receive()
        raise RuntimeError("a bug")


async def test_a_bug_in_an_executor_fails_the_job_as_a_death_does(
    make_request: Callable[..., GenerationRequest],
) -> None:
    dispatcher = Dispatcher([Crashing(lambda job_id: [JobProgress(job_id, 1, 2)])], SETTINGS)
    dispatcher.open()
    async with asyncio.timeout(GUARD_S):
        events = [event async for event in dispatcher.submit(make_request())]
    await dispatcher.close()
    final = events[-1]
    assert isinstance(final, Failed)
    assert isinstance(final.error, WorkerDied)


async def test_an_executor_that_is_gone_is_no_bug(
    make_request: Callable[..., GenerationRequest], caplog: pytest.LogCaptureFixture
) -> None:
    class Gone(Scripted):
        async def receive(self) -> FromWorker:
            await super().receive()
            raise WorkerGone("w was ended by SIGKILL")

    dispatcher = Dispatcher([Gone(lambda job_id: [JobProgress(job_id, 1, 2)])], SETTINGS)
    dispatcher.open()
    async with asyncio.timeout(GUARD_S):
        events = [event async for event in dispatcher.submit(make_request())]
    await dispatcher.close()
    assert isinstance(events[-1], Failed)
    assert "SIGKILL" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_request_that_no_message_can_hold_fails_alone(make_request: Callable[..., GenerationRequest]) -> None:
    dispatcher = Dispatcher([FakeExecutor()], SETTINGS)
    dispatcher.open()
    async with asyncio.timeout(GUARD_S):
        bad = [event async for event in dispatcher.submit(make_request(job_id="\ud800"))]
        good = [event async for event in dispatcher.submit(make_request())]
    await dispatcher.close()
    assert isinstance(bad[-1], Failed)
    assert isinstance(bad[-1].error, GenerationFailed)
    assert isinstance(good[-1], Finished)
