from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import msgspec
import pytest

from engine.api import (
    Cancelled,
    Event,
    Failed,
    GenerationFailed,
    GenerationRequest,
    ImageSeed,
    InitImage,
    Preview,
    Progress,
    Queued,
    Recipe,
    Started,
)
from engine.dispatch.jobs import EngineJob
from engine.wire import JobProgress, decode_from_worker

GUARD_S = 600.0


@pytest.fixture
def job() -> EngineJob:
    recipe = Recipe("pocket", "1", "a red apple", "", 16, 16, 10, 4.5, "Euler", (ImageSeed(1), ImageSeed(2)))
    return EngineJob(GenerationRequest(recipe, "job", 1, 0.0, "ann"), lambda: None)


def preview() -> Preview:
    """Return a picture the only way there is: as a worker's message."""
    digest = hashlib.sha256(b"x").hexdigest()
    image = {"data": b"x", "media_type": "image/png", "width": 1, "height": 1, "sha256": "0", "file_sha256": digest}
    body = msgspec.msgpack.encode(
        {"type": "progress", "job_id": "job", "step": 1, "total": 10, "preview": {"step": 1, "picture": image}}
    )
    message = decode_from_worker(body)
    assert isinstance(message, JobProgress)
    assert message.preview is not None
    return message.preview


async def read(job: EngineJob) -> list[Event]:
    async with asyncio.timeout(GUARD_S):
        return [event async for event in job]


async def test_only_the_newest_unread_progress_is_kept(job: EngineJob) -> None:
    job.emit(Started("w"))
    for step in range(1, 10):
        job.emit(Progress(step, 10))
    job.emit(Cancelled())
    assert await read(job) == [Started("w"), Progress(9, 10), Cancelled()]


async def test_a_preview_nobody_read_yet_moves_to_the_newer_progress(job: EngineJob) -> None:
    picture = preview()
    job.emit(Progress(4, 10, picture))
    job.emit(Progress(5, 10))
    job.emit(Cancelled())
    assert await read(job) == [Progress(5, 10, picture), Cancelled()]


async def test_only_the_newest_unread_place_is_kept(job: EngineJob) -> None:
    for event in (Queued(3, None), Queued(2, 4.0), Started("w"), Cancelled()):
        job.emit(event)
    assert await read(job) == [Queued(2, 4.0), Started("w"), Cancelled()]


async def test_nothing_follows_the_final_event(job: EngineJob) -> None:
    job.emit(Failed(GenerationFailed("x")))
    job.emit(Cancelled())
    job.emit(Progress(1, 10))
    events = await read(job)
    assert len(events) == 1
    assert isinstance(events[0], Failed)


async def test_a_listener_who_waits_gets_each_event(job: EngineJob) -> None:
    listener = asyncio.create_task(read(job))
    for event in (Progress(1, 10), Progress(2, 10), Cancelled()):
        await asyncio.sleep(0)
        job.emit(event)
        await asyncio.sleep(0)
    assert await listener == [Progress(1, 10), Progress(2, 10), Cancelled()]


async def test_a_stream_that_was_read_to_its_end_stays_ended(job: EngineJob) -> None:
    job.emit(Cancelled())
    await read(job)
    assert await read(job) == []


@pytest.mark.parametrize(("guidance", "rows"), [(4.5, 2), (1.0, 1)])
def test_work_is_counted_in_row_steps(guidance: float, rows: int) -> None:
    recipe = Recipe("pocket", "1", "a red apple", "", 16, 16, 10, guidance, "Euler", (ImageSeed(1),) * 3)
    job = EngineJob(GenerationRequest(recipe, "job", 1, 0.0, "ann"), lambda: None)
    assert job.row_steps == 3 * rows * 10
    job.advance(0.75)
    assert job.row_steps == 3 * rows * 2.5


def test_a_job_that_starts_from_a_picture_costs_the_steps_that_it_takes(job: EngineJob) -> None:
    recipe = replace(job.request.recipe, init_image=InitImage("0a" * 32, 0.6))
    from_picture = EngineJob(replace(job.request, recipe=recipe), lambda: None)
    assert (job.cost, from_picture.cost) == (2 * 2 * 10, 2 * 2 * 6)


@pytest.mark.parametrize("name", ["cancel_asked", "done", "promise", "overtaken"])
def test_what_is_known_of_a_job_is_changed_by_the_methods_of_its_owner_alone(job: EngineJob, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(job, name, None)
