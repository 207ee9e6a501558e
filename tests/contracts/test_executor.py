"""What every executor must do: the same tests over the fake and over a real worker process on the pocket model."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from itertools import count

import pytest
import pytest_asyncio
from sd_parsers import ParserManager

from engine.api import GenerationRequest, ImageSeed, Recipe, Verdict, read_texts
from engine.api.embedded_texts import PARAMETERS
from engine.api.embedded_texts import RECIPE as OWN_RECIPE
from engine.catalog import load_catalog
from engine.executors.fake import FakeExecutor
from engine.executors.port import Executor, WorkerGone
from engine.executors.process import ProcessExecutor
from engine.settings import EngineSettings, WorkerSpec
from engine.wire import (
    Cancel,
    Draw,
    FromWorker,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobProgress,
    JobStarted,
    Loaded,
    Ready,
    Stop,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "worker-under-test"
SETTINGS = EngineSettings()
INFO = load_catalog(SETTINGS.models_file, SETTINGS.models_dir).infos()[0]
RECIPE = Recipe(INFO.id, INFO.revision, "a red apple", "", 64, 64, 3, 4.5, "Euler", (ImageSeed(7),))
LONG = replace(RECIPE, steps=60)
NUMBERS = count(1)
GUARD_S = 600


@dataclass(frozen=True)
class Subject:
    """An executor under test, and how to end its worker as a crash would."""

    executor: Executor
    kill: Callable[[], None]


def fake() -> Subject:
    executor = FakeExecutor(NAME)
    return Subject(executor, executor.die)


def process() -> Subject:
    executor = ProcessExecutor(WorkerSpec(NAME, "cpu", 1), SETTINGS.models_file, SETTINGS.models_dir)

    def kill() -> None:
        assert executor.pid is not None
        os.kill(executor.pid, signal.SIGKILL)

    return Subject(executor, kill)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[fake, process], ids=["fake", "process"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    made: Subject = request.param()
    await start(made.executor)
    yield made
    await made.executor.stop()


@pytest.fixture
def executor(subject: Subject) -> Executor:
    return subject.executor


async def start(executor: Executor) -> Ready:
    async with asyncio.timeout(GUARD_S):
        return await executor.start()


def drawing(recipe: Recipe = RECIPE) -> Draw:
    return Draw(GenerationRequest(recipe, f"job-{next(NUMBERS)}", 1, 0.0, "ann"))


def replace_limit(draw: Draw, limit: int) -> Draw:
    return Draw(replace(draw.request, max_file_bytes=limit))


async def hear_until(executor: Executor, kind: type[FromWorker], job_id: str) -> list[FromWorker]:
    """Return the messages about any job up to the first of this kind about this job."""
    heard: list[FromWorker] = []
    async with asyncio.timeout(GUARD_S):
        while not heard or not isinstance(heard[-1], kind) or getattr(heard[-1], "job_id", "") != job_id:
            heard.append(await executor.receive())
            assert not isinstance(heard[-1], JobFailed), heard[-1]
    return heard


async def drawn(executor: Executor, recipe: Recipe = RECIPE) -> JobFinished:
    draw = drawing(recipe)
    executor.send(draw)
    final = (await hear_until(executor, JobFinished, draw.request.job_id))[-1]
    assert isinstance(final, JobFinished)
    return final


async def hear_the_end(executor: Executor) -> tuple[list[FromWorker], str]:
    """Return what the worker still said, and what is known of its end."""
    heard: list[FromWorker] = []
    async with asyncio.timeout(GUARD_S):
        try:
            while True:
                heard.append(await executor.receive())
        except WorkerGone as gone:
            return heard, str(gone)


def hashes(finished: JobFinished) -> list[str]:
    assert all(result.verdict is Verdict.ALLOW for result in finished.images)
    return [result.image.sha256 for result in finished.images if result.image]


async def test_a_job_is_started_progresses_step_by_step_and_finishes(executor: Executor) -> None:
    draw = drawing()
    executor.send(draw)
    heard = await hear_until(executor, JobFinished, draw.request.job_id)
    started, *progress, finished = (message for message in heard if not isinstance(message, Loaded))
    assert started == JobStarted(draw.request.job_id)
    steps = [(step.step, step.total) for step in progress if isinstance(step, JobProgress)]
    assert list(dict.fromkeys(steps)) == [(1, 3), (2, 3), (3, 3)]
    assert steps == sorted(steps)
    assert isinstance(finished, JobFinished)
    assert finished.facts.worker == NAME


async def test_there_is_one_result_per_image_and_a_grid_for_several(executor: Executor) -> None:
    finished = await drawn(executor, replace(RECIPE, images=tuple(map(ImageSeed, (1, 2, 3)))))
    assert [result.index for result in finished.images] == [0, 1, 2]
    assert finished.grid is not None
    assert all(result.image is not None and result.image.width == 64 for result in finished.images)


async def test_each_picture_tells_its_own_recipe_and_the_grid_tells_none(executor: Executor) -> None:
    seeds = (ImageSeed(1), ImageSeed(2))
    finished = await drawn(executor, replace(RECIPE, images=seeds))
    for seed, result in zip(seeds, finished.images, strict=True):
        assert result.image is not None
        texts = read_texts(result.image.data)
        assert Recipe.from_json(texts[OWN_RECIPE]) == replace(RECIPE, images=(seed,))
        assert f"Seed: {seed.seed}, Size: 64x64" in texts[PARAMETERS]
    assert finished.grid is not None
    assert read_texts(finished.grid.data) == {}


async def test_another_program_reads_a_result(executor: Executor) -> None:
    recipe = replace(RECIPE, prompt="a red apple: ripe, 🍎\nSteps: 5", negative_prompt="leaves, stalk")
    (result,) = (await drawn(executor, recipe)).images
    assert result.image is not None
    found = ParserManager().parse(io.BytesIO(result.image.data))
    assert found is not None
    (sampler,) = found.samplers
    assert [prompt.value for prompt in sampler.prompts] == [recipe.prompt]
    assert [prompt.value for prompt in sampler.negative_prompts] == [recipe.negative_prompt]
    assert sampler.model is not None
    assert (sampler.name, sampler.model.name) == (recipe.scheduler, recipe.model)
    assert sampler.parameters == {"steps": "3", "cfg_scale": "4.5", "seed": "7"}
    assert found.metadata["Size"] == "64x64"


async def test_a_preview_tells_no_recipe(executor: Executor) -> None:
    draw = drawing(replace(RECIPE, steps=12))
    executor.send(draw)
    heard = await hear_until(executor, JobFinished, draw.request.job_id)
    previews = [message.preview for message in heard if isinstance(message, JobProgress) and message.preview]
    assert previews
    assert all(preview.picture and read_texts(preview.picture.data) == {} for preview in previews)


async def test_files_keep_to_the_limit_of_the_request(executor: Executor) -> None:
    free = await drawn(executor, replace(RECIPE, images=(ImageSeed(1), ImageSeed(2))))
    pictures = [result.image for result in free.images]
    limit = max(len(picture.data) for picture in pictures if picture) - 1
    draw = drawing(replace(RECIPE, images=(ImageSeed(1), ImageSeed(2))))
    executor.send(replace_limit(draw, limit))
    finished = (await hear_until(executor, JobFinished, draw.request.job_id))[-1]
    assert isinstance(finished, JobFinished)
    assert finished.grid is not None
    files = [*(result.image for result in finished.images), finished.grid]
    assert any(file and file.media_type != "image/png" for file in files)
    assert all(file and read_texts(file.data) for file in files[:-1])


async def test_the_same_recipe_is_the_same_file(executor: Executor) -> None:
    first, again = await drawn(executor), await drawn(executor)
    assert [result.image for result in first.images] == [result.image for result in again.images]


async def test_a_single_picture_has_no_grid(executor: Executor) -> None:
    assert (await drawn(executor)).grid is None


async def test_the_same_seed_gives_the_same_picture_and_another_seed_another(executor: Executor) -> None:
    first, again = await drawn(executor), await drawn(executor)
    other = await drawn(executor, replace(RECIPE, images=(ImageSeed(8),)))
    assert hashes(first) == hashes(again)
    assert hashes(first) != hashes(other)


async def test_a_batch_of_four_equals_each_seed_alone(executor: Executor) -> None:
    seeds = tuple(map(ImageSeed, (7, 8, 9, 10)))
    together = hashes(await drawn(executor, replace(RECIPE, images=seeds)))
    alone = [hashes(await drawn(executor, replace(RECIPE, images=(seed,))))[0] for seed in seeds]
    assert together == alone


async def test_jobs_sent_together_all_finish(executor: Executor) -> None:
    draws = [drawing() for _ in range(3)]
    for draw in draws:
        executor.send(draw)
    finished: set[str] = set()
    async with asyncio.timeout(GUARD_S):
        while len(finished) < len(draws):
            if isinstance(message := await executor.receive(), JobFinished):
                finished.add(message.job_id)
    assert finished == {draw.request.job_id for draw in draws}


async def test_a_running_job_is_cancelled_and_the_next_one_is_drawn(executor: Executor) -> None:
    draw = drawing(LONG)
    executor.send(draw)
    await hear_until(executor, JobProgress, draw.request.job_id)
    executor.send(Cancel(draw.request.job_id))
    heard = await hear_until(executor, JobCancelled, draw.request.job_id)
    assert not any(isinstance(message, JobFinished) for message in heard)
    await drawn(executor)


async def test_a_job_that_waits_in_the_worker_can_be_cancelled(executor: Executor) -> None:
    first, second = drawing(LONG), drawing(LONG)
    executor.send(first)
    executor.send(second)
    executor.send(Cancel(second.request.job_id))
    executor.send(Cancel(first.request.job_id))
    cancelled: set[str] = set()
    async with asyncio.timeout(GUARD_S):
        while len(cancelled) < 2:
            message = await executor.receive()
            assert not isinstance(message, JobFinished)
            if isinstance(message, JobCancelled):
                cancelled.add(message.job_id)
    assert cancelled == {first.request.job_id, second.request.job_id}


async def test_cancelling_a_job_nobody_knows_changes_nothing(executor: Executor) -> None:
    executor.send(Cancel("nobody's"))
    assert hashes(await drawn(executor)) == hashes(await drawn(executor))


async def test_a_killed_worker_is_gone_and_can_be_started_again(subject: Subject) -> None:
    executor = subject.executor
    before = hashes(await drawn(executor))
    draw = drawing(LONG)
    executor.send(draw)
    await hear_until(executor, JobStarted, draw.request.job_id)
    subject.kill()
    heard, reason = await hear_the_end(executor)
    assert not any(isinstance(message, JobFinished | JobCancelled) for message in heard)
    assert NAME in reason
    executor.send(drawing())  # lost, silently
    with pytest.raises(WorkerGone):
        await executor.receive()
    await executor.stop()
    assert (await start(executor)).worker == NAME
    draw = drawing()
    executor.send(draw)
    loaded, *_, finished = await hear_until(executor, JobFinished, draw.request.job_id)
    assert loaded == Loaded((INFO.id,), ())
    assert isinstance(finished, JobFinished)
    assert hashes(finished) == before


async def test_a_worker_told_to_stop_cancels_its_job_and_is_gone(executor: Executor) -> None:
    draw = drawing(LONG)
    executor.send(draw)
    await hear_until(executor, JobProgress, draw.request.job_id)
    executor.send(Stop())
    heard, _ = await hear_the_end(executor)
    assert heard[-1] == JobCancelled(draw.request.job_id)
    await executor.stop()
    await start(executor)


async def test_stopping_twice_is_harmless_and_a_stopped_worker_is_gone(executor: Executor) -> None:
    await executor.stop()
    await executor.stop()
    with pytest.raises(WorkerGone):
        await executor.receive()
    ready = await start(executor)
    assert ready.worker == NAME
    assert ready.threads >= 1


@pytest.mark.parametrize("make", [fake, process])
async def test_an_executor_that_was_never_started_can_be_stopped(make: Callable[[], Subject]) -> None:
    executor = make().executor
    await executor.stop()
    assert (await start(executor)).worker == NAME
    await executor.stop()
