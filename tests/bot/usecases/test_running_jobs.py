"""Following a job through the engine: progress, retries, cancellation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.domain.records import JobState
from bot.usecases.refusals import (
    AlreadyUnderWay,
    GenerationDeleted,
    NotAllowed,
    NotCancellable,
    UnknownGeneration,
)
from bot.usecases.running_jobs import Drawing, Ended, Waiting
from engine.api import EndsWorkers, GenerationFailed, NotKept, Verdict, WorkerReplaced
from engine.executors.fake import FakePlan

if TYPE_CHECKING:
    from tests.bot.usecases.conftest import Studio


async def test_a_job_is_followed_from_its_start_to_its_pictures(studio: Studio) -> None:
    generation = await studio.accepted(count=2)
    updates = await studio.updates(generation.id)
    steps = [update.step for update in updates if isinstance(update, Drawing)]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, 6)
    assert any(isinstance(update, Drawing) and update.preview is not None for update in updates)
    last = updates[-1]
    assert isinstance(last, Ended)
    assert last.generation == await studio.get(generation.id)
    assert (last.generation.state, last.generation.attempts) == (JobState.FINISHED, 1)
    assert [picture.verdict for picture in last.generation.pictures] == [Verdict.ALLOW] * 2


async def test_pictures_are_kept_before_the_end_is_told(studio: Studio) -> None:
    generation = await studio.accepted()
    async for update in studio.usecases.running_jobs.follow(generation.id):
        if isinstance(update, Ended):
            assert await studio.store.pictures.read(generation.id, 0) is not None


async def test_a_waiting_job_learns_its_place(studio: Studio) -> None:
    studio.worker.hold()
    first = await studio.follow_until((await studio.accepted()).id, Drawing)
    second = (await studio.accepted()).id
    async for update in studio.usecases.running_jobs.follow(second):
        if isinstance(update, Waiting):
            assert update.position == 1
            studio.worker.release()
    assert (await studio.get(second)).state is JobState.FINISHED
    assert (await first).state is JobState.FINISHED


async def test_every_wait_for_the_engine_is_parked(studio: Studio) -> None:
    generation = await studio.accepted()
    updates = await studio.updates(generation.id)
    assert studio.parked >= len(updates)


async def test_the_engine_is_told_attempt_tenant_and_time_of_acceptance(studio: Studio) -> None:
    generation = await studio.drawn()
    (request,) = studio.worker.requests
    assert (request.job_id, request.attempt, request.tenant) == (generation.id, 1, "11:1")
    assert (request.accepted_at, request.recipe) == (generation.accepted_at, generation.recipe)


async def test_a_job_that_is_over_ends_at_once(studio: Studio) -> None:
    finished = await studio.drawn()
    assert await studio.updates(finished.id) == [Ended(finished)]
    assert len(studio.worker.requests) == 1


async def test_an_unknown_job_cannot_be_followed(studio: Studio) -> None:
    with pytest.raises(UnknownGeneration):
        await studio.updates("nowhere")


async def test_a_job_is_followed_by_one_at_a_time(studio: Studio) -> None:
    studio.worker.hold()
    generation = await studio.accepted()
    first = await studio.follow_until(generation.id, Drawing)
    with pytest.raises(AlreadyUnderWay):
        await studio.updates(generation.id)
    studio.worker.release()
    assert (await first).state is JobState.FINISHED


async def test_a_worker_that_dies_costs_an_attempt_and_not_the_picture(studio: Studio) -> None:
    studio.die_on(1)
    generation = await studio.drawn()
    assert (generation.state, generation.attempts) == (JobState.FINISHED, 2)
    assert [request.attempt for request in studio.worker.requests] == [1, 2]
    assert [request.previews for request in studio.worker.requests] == [True, False]
    assert {request.accepted_at for request in studio.worker.requests} == {generation.accepted_at}
    assert studio.slept == [1.0]


async def test_after_three_deaths_the_job_fails_with_an_error_of_its_own(studio: Studio) -> None:
    studio.die_on(1, 2, 3)
    generation = await studio.drawn()
    assert (generation.state, generation.attempts) == (JobState.FAILED, 3)
    assert isinstance(generation.error, EndsWorkers)
    assert studio.slept == [1.0, 2.0]
    assert await studio.used() == (0, 0)


async def test_a_job_whose_worker_was_replaced_over_another_is_drawn_again_however_often_that_happens(
    studio: Studio,
) -> None:
    requests = studio.worker.requests
    studio.worker.plan = lambda request: FakePlan(fail=WorkerReplaced("fake-0") if len(requests) < 7 else None)
    finished = await studio.drawn()
    assert (finished.state, finished.attempts) == (JobState.FINISHED, 1)
    assert [request.attempt for request in requests] == [1] * 7
    assert studio.slept == [1.0] * 6


async def test_a_job_on_its_last_attempt_outlives_the_replacement_of_its_worker_but_not_its_own_fault(
    studio: Studio,
) -> None:
    plans = {1: FakePlan(die_at_step=2), 2: FakePlan(die_at_step=2)}
    replaced = iter([FakePlan(fail=WorkerReplaced("fake-0")), FakePlan(die_at_step=2)])
    studio.worker.plan = lambda request: plans.get(request.attempt) or next(replaced)
    failed = await studio.drawn()
    assert (failed.state, failed.attempts) == (JobState.FAILED, 3)
    assert isinstance(failed.error, EndsWorkers)
    assert [request.attempt for request in studio.worker.requests] == [1, 2, 3, 3]


async def test_an_error_that_would_come_again_is_not_tried_again(studio: Studio) -> None:
    studio.plan(fail=GenerationFailed("out of paint"))
    generation = await studio.drawn()
    assert (generation.state, generation.attempts) == (JobState.FAILED, 1)
    assert isinstance(generation.error, GenerationFailed)
    assert generation.error.reason == "out of paint"


async def test_the_next_job_works_after_one_that_failed(studio: Studio) -> None:
    studio.die_on(1, 2, 3)
    await studio.drawn()
    studio.plan()
    assert (await studio.drawn()).state is JobState.FINISHED


async def test_a_full_queue_after_acceptance_is_waited_for_and_no_attempt(studio: Studio) -> None:
    studio.queue_limit = 1
    await studio.reopen()
    accepted = [(await studio.accepted()).id for _ in range(3)]
    studio.worker.hold()
    running = await studio.follow_until(accepted[0], Drawing)
    waiting = await studio.follow_until(accepted[1], Waiting)
    places = []
    async for update in studio.usecases.running_jobs.follow(accepted[2]):
        if isinstance(update, Waiting):
            places.append(update.position)
            studio.worker.release()
    assert places[0] == 2
    ended = [await running, await waiting, await studio.get(accepted[2])]
    assert {(generation.state, generation.attempts) for generation in ended} == {(JobState.FINISHED, 1)}


async def test_a_model_that_is_gone_after_acceptance_ends_the_job_honestly(studio: Studio) -> None:
    generation = await studio.accepted()
    studio.models = studio.models[1:]
    await studio.reopen()
    ended = await studio.end(generation.id)
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "unknown_model"


async def test_pictures_that_cannot_be_saved_end_the_job_honestly(studio: Studio) -> None:
    (studio.data_dir / "pictures").write_text("a file where the folder should be")
    generation = await studio.drawn()
    assert generation.state is JobState.FAILED
    assert isinstance(generation.error, NotKept)


async def test_a_cancelled_job_ends_cancelled_and_its_worker_is_free(studio: Studio) -> None:
    studio.worker.hold()
    generation_id = (await studio.accepted()).id
    task = await studio.follow_until(generation_id, Drawing)
    await studio.usecases.running_jobs.cancel(studio.ann, generation_id)
    assert (await studio.get(generation_id)).state is JobState.CANCELLED
    assert (await task).state is JobState.CANCELLED
    studio.worker.release()
    assert (await studio.drawn()).state is JobState.FINISHED
    assert (await studio.used())[0] == 1


async def test_a_waiting_job_can_be_cancelled_before_anybody_follows_it(studio: Studio) -> None:
    generation = await studio.accepted()
    await studio.usecases.running_jobs.cancel(studio.ann, generation.id)
    assert (await studio.end(generation.id)).state is JobState.CANCELLED
    assert studio.worker.requests == []


async def test_a_job_cancelled_between_two_attempts_is_not_submitted_again(studio: Studio) -> None:
    studio.die_on(1)
    generation = await studio.accepted()
    studio.wake.clear()
    task = asyncio.create_task(studio.end(generation.id))
    await studio.asleep.wait()
    await studio.usecases.running_jobs.cancel(studio.ann, generation.id)
    studio.wake.set()
    assert (await task).state is JobState.CANCELLED
    assert len(studio.worker.requests) == 1


async def test_only_the_author_or_a_moderator_may_cancel(studio: Studio) -> None:
    generation = await studio.accepted()
    with pytest.raises(NotAllowed) as refused:
        await studio.usecases.running_jobs.cancel(studio.ben, generation.id)
    assert refused.value.action == "cancel"
    assert (await studio.get(generation.id)).state is JobState.ACCEPTED
    await studio.usecases.running_jobs.cancel(studio.moderator, generation.id)
    assert (await studio.get(generation.id)).state is JobState.CANCELLED


async def test_a_job_that_is_over_cannot_be_cancelled(studio: Studio) -> None:
    finished = await studio.drawn()
    with pytest.raises(NotCancellable):
        await studio.usecases.running_jobs.cancel(studio.ann, finished.id)
    await studio.usecases.deliver.delete(studio.ann, finished.id)
    with pytest.raises(GenerationDeleted):
        await studio.usecases.running_jobs.cancel(studio.ann, finished.id)
    with pytest.raises(UnknownGeneration):
        await studio.usecases.running_jobs.cancel(studio.ann, "nowhere")


async def test_an_engine_that_stops_does_not_cancel_what_nobody_cancelled(studio: Studio) -> None:
    studio.worker.hold()
    generation_id = (await studio.accepted()).id
    task = await studio.follow_until(generation_id, Drawing)
    studio.worker.die()
    studio.worker.release()
    ended = await task
    assert (ended.id, ended.state, ended.attempts) == (generation_id, JobState.FINISHED, 2)
