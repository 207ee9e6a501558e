"""What a stop of the bot leaves, and what the next start makes of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.domain.policy import Limits
from bot.domain.records import Generation, JobState
from bot.storage import open_store
from bot.usecases.attempts import MOST_DEATHS
from bot.usecases.running_jobs import Drawing
from engine.api import EndsWorkers
from engine.executors.fake import FakeExecutor
from engine.wire import Cancel, ToWorker

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio

KILLED_WHILE_DRAWING = """
import asyncio, os, sys
from pathlib import Path
from bot.domain.policy import Limits
from bot.domain.records import JobKind, Place
from bot.storage import NewJob, open_store
from engine.api import ImageSeed, Recipe

async def main():
    recipe = Recipe("pocket", "1", "a red apple", "", 128, 128, 6, 4.5, "Euler", (ImageSeed(7),))
    async with open_store(Path(sys.argv[1]), Limits(4, 20, 8, 192, 40)) as store:
        for name in ("waiting", "drawing"):
            job = NewJob(name, JobKind.IMAGINE, recipe, 1, Place(11, 22), 1000.0)
            await store.jobs.accept([job], lambda policy, usage: None)
        await store.jobs.start("drawing")
        os.kill(os.getpid(), 9)

asyncio.run(main())
"""


class LateToCancel(FakeExecutor):
    """Hears of a cancel when the test says, as a worker does that is in the middle of a step."""

    unheard: ToWorker | None = None
    listens = False

    def send(self, message: ToWorker) -> None:
        if isinstance(message, Cancel) and not self.listens:
            self.unheard = message
        else:
            super().send(message)

    def listen(self) -> None:
        self.listens = True
        if self.unheard is not None:
            super().send(self.unheard)


async def stop_following(task: asyncio.Task[Generation]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_bot_that_stops_leaves_its_job_for_the_next_start(studio: Studio) -> None:
    studio.worker.hold()
    generation_id = (await studio.accepted(seed=7)).id
    task = await studio.follow_until(generation_id, Drawing)
    await stop_following(task)
    await studio.reopen()
    (left,) = await studio.usecases.running_jobs.unsettled()
    assert (left.id, left.state, left.attempts) == (generation_id, JobState.ACCEPTED, 0)
    ended = await studio.end(generation_id)
    assert (ended.state, ended.attempts) == (JobState.FINISHED, 1)
    assert ended.accepted_at == left.accepted_at


async def test_a_bot_that_stops_takes_its_job_off_the_worker(studio: Studio) -> None:
    studio.worker.hold()
    await stop_following(await studio.follow_until((await studio.accepted()).id, Drawing))
    following = await studio.accepted()
    await stop_following(await studio.follow_until(following.id, Drawing))

    assert [request.job_id for request in studio.worker.requests][-1] == following.id


async def test_a_job_taken_up_is_not_submitted_before_the_worker_has_let_go_of_it(studio: Studio) -> None:
    studio.make_worker = LateToCancel
    await studio.reopen()
    worker = studio.worker
    assert isinstance(worker, LateToCancel)
    worker.hold()
    generation_id = (await studio.accepted()).id
    await stop_following(await studio.follow_until(generation_id, Drawing))
    studio.waits.clear()
    again = asyncio.create_task(studio.end(generation_id))
    waits = asyncio.create_task(studio.waits.wait())
    await asyncio.wait([again, waits], return_when=asyncio.FIRST_COMPLETED)
    worker.listen()
    worker.release()
    ended = await again
    assert (ended.state, ended.attempts) == (JobState.FINISHED, 1)


async def test_a_job_that_waited_loses_no_attempt_by_a_restart(studio: Studio) -> None:
    generation = await studio.accepted()
    for _ in range(MOST_DEATHS + 1):
        await studio.reopen()
    ended = await studio.end(generation.id)
    assert (ended.state, ended.attempts) == (JobState.FINISHED, 1)


async def test_a_job_is_drawn_in_the_end_however_often_the_bot_is_stopped_meanwhile(studio: Studio) -> None:
    generation = await studio.accepted()
    for _ in range(10):
        studio.worker.hold()
        await stop_following(await studio.follow_until(generation.id, Drawing))
        await studio.reopen()
    ended = await studio.end(generation.id)
    assert (ended.state, ended.attempts) == (JobState.FINISHED, 1)
    assert [request.alone for request in studio.worker.requests] == [False]


async def test_a_stop_while_a_result_is_recorded_is_no_attempt(studio: Studio) -> None:
    generation = await studio.accepted()
    draw = studio.usecases.running_jobs

    async def stopped_at_the_end() -> None:
        async for update in draw.follow(generation.id):
            if isinstance(update, Drawing) and update.step == update.total:
                following.cancel()

    following = asyncio.create_task(stopped_at_the_end())
    with pytest.raises(asyncio.CancelledError):
        await following
    (left,) = await draw.unsettled()
    assert (left.state, left.attempts) == (JobState.ACCEPTED, 0)


async def test_a_job_that_a_killed_bot_was_drawing_is_drawn_alone(studio: Studio) -> None:
    generation = await studio.accepted()
    await studio.store.jobs.start(generation.id)  # and then the bot was killed
    await studio.reopen()
    ended = await studio.end(generation.id)
    assert (ended.state, ended.attempts) == (JobState.FINISHED, 2)
    assert [request.alone for request in studio.worker.requests] == [True]


async def test_a_job_over_which_the_bot_crashed_three_times_is_given_up(studio: Studio) -> None:
    generation = await studio.accepted()
    for _ in range(MOST_DEATHS):
        await studio.store.jobs.wait_again(generation.id)
        await studio.store.jobs.start(generation.id)
    await studio.reopen()
    ended = await studio.end(generation.id)
    assert (ended.state, ended.attempts) == (JobState.FAILED, MOST_DEATHS)
    assert isinstance(ended.error, EndsWorkers)
    assert studio.worker.requests == []


async def test_a_finished_job_is_delivered_by_the_next_start_and_not_drawn_again(studio: Studio) -> None:
    generation = await studio.drawn(count=2)
    await studio.reopen()
    (left,) = await studio.usecases.running_jobs.unsettled()
    assert left == generation
    assert len((await studio.usecases.deliver.prepare(left.id)).pictures) == 2
    await studio.usecases.deliver.delivered(left, 555, (71,))
    await studio.reopen()
    assert await studio.usecases.running_jobs.unsettled() == ()
    assert studio.worker.requests == []


async def test_everything_accepted_ends_once_over_many_restarts(studio: Studio) -> None:
    accepted = [(await studio.accepted()).id for _ in range(4)]
    for generation_id in accepted:
        await studio.reopen()
        assert generation_id in [left.id for left in await studio.usecases.running_jobs.unsettled()]
        ended = await studio.end(generation_id)
        assert ended.state is JobState.FINISHED
        await studio.usecases.deliver.delivered(ended, 555)
    await studio.reopen()
    assert await studio.usecases.running_jobs.unsettled() == ()
    assert await studio.used() == (4, 0)


async def test_a_killed_process_loses_no_accepted_job(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_DRAWING, str(tmp_path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=600)
    assert done.returncode == -9, done.stderr.decode()
    async with open_store(tmp_path, Limits(4, 20, 8, 192, 40)) as store:
        left = {generation.id: generation.state for generation in await store.jobs.unsettled()}
    assert left == {"waiting": JobState.ACCEPTED, "drawing": JobState.RUNNING}
