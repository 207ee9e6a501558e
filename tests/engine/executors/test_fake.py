"""What tests may ask of the fake, beyond what every executor does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from engine.api import (
    Fault,
    GenerationFailed,
    GenerationRequest,
    ImageSeed,
    Recipe,
    SafetyUnavailable,
    Verdict,
)
from engine.executors.fake import FakeExecutor, FakePlan, StartOutcome
from engine.executors.fake_messages import PREVIEW_EVERY_STEPS
from engine.executors.port import WorkerGone
from engine.wire import Draw, FromWorker, JobFailed, JobFinished, JobProgress, JobStarted, Leaving, Loaded, Prefetch

GUARD_S = 600.0
RECIPE = Recipe("pocket", "1", "a red apple", "", 64, 96, 8, 4.5, "Euler", tuple(map(ImageSeed, range(4))))


def draw(recipe: Recipe = RECIPE, job_id: str = "job", previews: bool = True) -> Draw:
    return Draw(GenerationRequest(recipe, job_id, 1, 0.0, "ann", previews=previews))


async def started(plan: FakePlan | None = None) -> FakeExecutor:
    fake = FakeExecutor(plan=lambda request: plan or FakePlan())
    await fake.start()
    return fake


async def hear(fake: FakeExecutor, count: int) -> list[FromWorker]:
    """Return the next messages about jobs."""
    heard: list[FromWorker] = []
    async with asyncio.timeout(GUARD_S):
        while len(heard) < count:
            message = await fake.receive()
            if not isinstance(message, Loaded):
                heard.append(message)
    return heard


async def finished(fake: FakeExecutor, message: Draw) -> JobFinished:
    fake.send(message)
    final = (await hear(fake, message.request.recipe.steps + 2))[-1]
    assert isinstance(final, JobFinished)
    return final


async def test_planned_verdicts_leave_their_pictures_out_of_results_and_grid() -> None:
    fake = await started(FakePlan(block=frozenset({1}), faults={2: Fault.ONE_COLOUR}))
    final = await finished(fake, draw())
    assert [result.verdict for result in final.images] == [Verdict.ALLOW, Verdict.BLOCK, Verdict.ERROR, Verdict.ALLOW]
    assert [result.image is None for result in final.images] == [False, True, True, False]
    assert [result.fault for result in final.images] == [None, None, Fault.ONE_COLOUR, None]
    assert final.grid is not None
    assert (final.grid.width, final.grid.height) == (2 * 64, 96)


@pytest.mark.parametrize("blocked", [{0, 1, 2}, {0, 1, 2, 3}])
async def test_fewer_than_two_allowed_pictures_have_no_grid(blocked: set[int]) -> None:
    assert (await finished(await started(FakePlan(block=frozenset(blocked))), draw())).grid is None


async def test_another_prompt_or_variation_is_another_picture() -> None:
    fake = await started()
    hashes = set()
    for recipe in (
        replace(RECIPE, images=(ImageSeed(1),)),
        replace(RECIPE, images=(ImageSeed(1).vary(5, 0.15),)),
        replace(RECIPE, images=(ImageSeed(1),), prompt="a blue apple"),
    ):
        (result,) = (await finished(fake, draw(recipe))).images
        assert result.image is not None
        hashes.add(result.image.sha256)
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("planned", "wanted", "shown"), [(True, True, True), (False, True, False), (True, False, False)]
)
async def test_previews_come_now_and_then_where_plan_and_request_want_them(
    planned: bool, wanted: bool, shown: bool
) -> None:
    fake = await started(FakePlan(previews=planned))
    fake.send(draw(previews=wanted))
    messages = await hear(fake, RECIPE.steps + 2)
    with_preview = [m.step for m in messages if isinstance(m, JobProgress) and m.preview is not None]
    assert with_preview == ([PREVIEW_EVERY_STEPS, 2 * PREVIEW_EVERY_STEPS] if shown else [])


async def test_a_planned_failure_comes_after_the_last_step() -> None:
    fake = await started(FakePlan(fail=GenerationFailed("out of memory")))
    fake.send(draw())
    assert (await hear(fake, RECIPE.steps + 2))[-1] == JobFailed(
        "job", "generation_failed", {"reason": "out of memory"}
    )


async def test_a_planned_death_comes_instead_of_its_step() -> None:
    fake = await started(FakePlan(die_at_step=3))
    fake.send(draw())
    assert [type(message) for message in await hear(fake, 3)] == [JobStarted, JobProgress, JobProgress]
    with pytest.raises(WorkerGone):
        await fake.receive()


async def test_a_planned_hang_over_a_picture_ends_the_job_with_what_was_judged_and_then_the_worker() -> None:
    fake = await started(FakePlan(hang_at_picture=2))
    fake.send(draw())
    *_, leaving, final = await hear(fake, RECIPE.steps + 3)
    assert isinstance(leaving, Leaving)
    assert isinstance(final, JobFinished)
    assert [result.fault for result in final.images] == [None, None, Fault.DETECTOR_HUNG, Fault.DETECTOR_HUNG]
    with pytest.raises(WorkerGone):
        await fake.receive()


async def test_a_planned_hang_over_a_preview_ends_the_worker_alone() -> None:
    fake = await started(FakePlan(hang_at_step=2))
    fake.send(draw())
    assert [type(message) for message in await hear(fake, 3)] == [JobStarted, JobProgress, Leaving]
    with pytest.raises(WorkerGone):
        await fake.receive()


async def test_a_held_job_waits_at_its_step_until_it_is_released() -> None:
    fake = await started()
    fake.hold(at_step=3)
    fake.send(draw())
    assert await fake.held() == "job"
    (*_, last) = await hear(fake, 1 + 3)
    assert isinstance(last, JobProgress)
    assert last.step == 3
    fake.release("job")
    assert isinstance((await hear(fake, RECIPE.steps - 3 + 1))[-1], JobFinished)


async def test_releasing_all_ends_the_holding() -> None:
    fake = await started()
    fake.hold()
    fake.send(draw(job_id="one"))
    await fake.held()
    fake.release()
    assert isinstance((await hear(fake, RECIPE.steps + 2))[-1], JobFinished)
    assert (await finished(fake, draw(job_id="two"))).job_id == "two"


async def test_starts_go_as_planned_and_then_well() -> None:
    fake = FakeExecutor(starts=[StartOutcome.UNFIT, StartOutcome.DIE, StartOutcome.HANG])
    with pytest.raises(SafetyUnavailable):
        await fake.start()
    with pytest.raises(WorkerGone):
        await fake.start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await fake.start()
    assert (await fake.start()).worker == "fake-0"


async def test_every_request_it_was_given_is_remembered() -> None:
    fake = await started()
    message = draw()
    await finished(fake, message)
    assert fake.requests == [message.request]


async def test_it_tells_which_models_are_ready_and_which_are_near() -> None:
    fake = FakeExecutor(room=1)
    await fake.start()
    told = []
    for message in (draw(replace(RECIPE, model="a")), Prefetch("b"), draw(replace(RECIPE, model="b"))):
        fake.send(message)
        async with asyncio.timeout(GUARD_S):
            while not isinstance(heard := await fake.receive(), Loaded):
                pass
        told.append(heard)
    assert told == [Loaded(("a",), ()), Loaded(("a",), ("b",)), Loaded(("b",), ("a",))]
    assert fake.prefetched == ["b"]
