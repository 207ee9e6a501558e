"""Faults of a review: told apart, blamed on the job under review alone, and over when all pictures are judged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import pytest

from engine.api import (
    Event,
    Failed,
    Fault,
    Finished,
    GenerationRequest,
    InputNotJudged,
    Job,
    Verdict,
    WorkerDied,
    WorkerReplaced,
)
from engine.dispatch import Dispatcher
from engine.executors.fake import FakeExecutor, FakePlan
from engine.wire import Draw, Leaving, Stop, ToWorker

MakeRequest = Callable[..., GenerationRequest]
Run = Callable[..., None]
SAID = {
    Fault.DETECTOR_BROKE: "a safety detector broke: job bad, seed 0, model pocket, worker w: planned",
    Fault.NOT_FINITE: "a picture is not finite: job bad, seed 0, model pocket, worker w: planned",
    Fault.ONE_COLOUR: "a picture is all of one colour: job bad, seed 0, model pocket, worker w: planned",
}


async def last(job: Job) -> Event:
    return [event async for event in job][-1]


async def error_of(job: Job) -> Exception:
    final = await last(job)
    assert isinstance(final, Failed)
    return final.error


async def finished(job: Job) -> Finished:
    final = await last(job)
    assert isinstance(final, Finished)
    return final


def plans(by_job: Mapping[str, FakePlan]) -> Callable[[GenerationRequest], FakePlan]:
    return lambda request: by_job.get(request.job_id, FakePlan())


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@pytest.mark.parametrize("fault", list(SAID))
def test_a_fault_is_an_error_in_the_log_with_job_seed_and_model(
    make_request: MakeRequest, run: Run, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    async def scenario(dispatcher: Dispatcher) -> None:
        await finished(dispatcher.submit(make_request(job_id="bad")))
        assert errors_in(caplog) == [SAID[fault]]

    run(scenario, FakeExecutor("w", plans({"bad": FakePlan(faults={0: fault})})))


@pytest.mark.parametrize("fault", list(SAID))
def test_a_fault_is_the_owners_trouble_until_a_job_of_the_model_is_judged_whole(
    make_request: MakeRequest, run: Run, fault: Fault
) -> None:
    fake = FakeExecutor("w", plans({"bad": FakePlan(faults={1: fault}), "blocked": FakePlan(block=frozenset({0}))}))

    async def scenario(dispatcher: Dispatcher) -> None:
        await finished(dispatcher.submit(make_request(job_id="bad", images=2)))
        (trouble,) = dispatcher.status().troubles
        assert trouble.about == f"{fault} of pocket"
        assert "'pocket'" in trouble.sentence
        assert "planned" in trouble.sentence
        await finished(dispatcher.submit(make_request(model="other")))
        assert dispatcher.status().troubles == (trouble,)
        await finished(dispatcher.submit(make_request(job_id="blocked")))
        assert dispatcher.status().troubles == ()

    run(scenario, fake)


def test_many_faults_of_a_kind_are_one_trouble_and_each_kind_is_its_own(make_request: MakeRequest, run: Run) -> None:
    kinds = {0: Fault.NOT_FINITE, 1: Fault.NOT_FINITE, 2: Fault.ONE_COLOUR, 3: Fault.DETECTOR_BROKE}
    fake = FakeExecutor("w", lambda request: FakePlan(faults=kinds))

    async def scenario(dispatcher: Dispatcher) -> None:
        for _ in range(3):
            await finished(dispatcher.submit(make_request(images=4)))
        assert [trouble.about for trouble in dispatcher.status().troubles] == [
            "not_finite of pocket",
            "one_colour of pocket",
            "detector_broke of pocket",
        ]
        assert len({trouble.sentence for trouble in dispatcher.status().troubles}) == 3

    run(scenario, fake)


def test_faults_do_not_keep_the_other_model_from_drawing(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor(
        "w", lambda r: FakePlan(faults={0: Fault.DETECTOR_BROKE} if r.recipe.model == "bad" else {}), room=2
    )

    async def scenario(dispatcher: Dispatcher) -> None:
        jobs = [dispatcher.submit(make_request(model=model)) for model in ("bad", "good", "bad", "good")]
        verdicts = [(await finished(job)).images[0].verdict for job in jobs]
        assert verdicts == [Verdict.ERROR, Verdict.ALLOW, Verdict.ERROR, Verdict.ALLOW]
        assert [trouble.about for trouble in dispatcher.status().troubles] == ["detector_broke of bad"]

    run(scenario, fake)


def test_an_input_that_could_not_be_judged_is_logged_and_a_trouble_too(
    make_request: MakeRequest, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    failure = InputNotJudged(Fault.DETECTOR_BROKE, "checker: RuntimeError: out of order")
    fake = FakeExecutor("w", plans({"bad": FakePlan(fail=failure)}))

    async def scenario(dispatcher: Dispatcher) -> None:
        assert isinstance(await error_of(dispatcher.submit(make_request(job_id="bad"))), InputNotJudged)
        (line,) = errors_in(caplog)
        assert "a safety detector broke: job bad, seed 0, model pocket" in line
        assert [trouble.about for trouble in dispatcher.status().troubles] == ["detector_broke of pocket"]

    run(scenario, fake)


def test_a_hang_ends_the_job_under_review_with_what_was_judged_and_the_others_had_no_part_in_it(
    make_request: MakeRequest, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeExecutor("w", plans({"bad": FakePlan(hang_at_picture=1)}), rows=200, step_s=1, room=2)

    async def scenario(dispatcher: Dispatcher) -> None:
        for model in ("pocket", "other"):
            await finished(dispatcher.submit(make_request(model=model)))
        bad = dispatcher.submit(make_request(job_id="bad", images=2))
        others = [dispatcher.submit(make_request(model=model, steps=60)) for model in ("pocket", "other")]
        final = await finished(bad)
        assert [(image.verdict, image.fault) for image in final.images] == [
            (Verdict.ALLOW, None),
            (Verdict.ERROR, Fault.DETECTOR_HUNG),
        ]
        for other in others:
            error = await error_of(other)
            assert isinstance(error, WorkerReplaced)
            assert error.retryable
        (line,) = errors_in(caplog)
        assert line.startswith("a safety detector hung, and its worker is replaced: job bad, seed 1, model pocket")
        (trouble,) = dispatcher.status().troubles
        assert trouble.about == "detector_hung of pocket"
        assert "worker w is replaced" in trouble.sentence

        again = [dispatcher.submit(make_request(model=model)) for model in ("other", "pocket")]
        for job in again:
            assert isinstance(await last(job), Finished)
        assert dispatcher.status().troubles == ()

    run(scenario, fake)


def test_a_hang_over_a_preview_blames_the_job_for_an_attempt_and_no_other(
    make_request: MakeRequest, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeExecutor("w", plans({"bad": FakePlan(hang_at_step=2)}), rows=200, step_s=1)

    async def scenario(dispatcher: Dispatcher) -> None:
        bad, other = dispatcher.submit(make_request(job_id="bad")), dispatcher.submit(make_request(steps=60))
        assert isinstance(await error_of(bad), WorkerDied)
        assert isinstance(await error_of(other), WorkerReplaced)
        assert any("hung, and its worker is replaced: job bad" in line for line in errors_in(caplog))

    run(scenario, fake)


def test_three_hangs_in_a_row_over_different_jobs_pause_the_worker(make_request: MakeRequest, run: Run) -> None:
    fake = FakeExecutor("w", lambda request: FakePlan(hang_at_picture=0))

    async def scenario(dispatcher: Dispatcher) -> None:
        for number in range(3):
            assert "worker w" not in [trouble.about for trouble in dispatcher.status().troubles], number
            await finished(dispatcher.submit(make_request()))
            await asyncio.sleep(0)
        fake.plan = lambda request: FakePlan()
        await asyncio.sleep(1)
        assert "The worker w is paused: it ended 3 times in a row" in dispatcher.status().trouble
        await finished(dispatcher.submit(make_request()))
        assert dispatcher.status().troubles == ()

    run(scenario, fake)


class Lingering(FakeExecutor):
    """A worker that says that it leaves, and does not."""

    left = False

    def send(self, message: ToWorker) -> None:
        if isinstance(message, Draw) and not self.left:
            self.left = True
            self.requests.append(message.request)
            self._tell(Leaving(message.request.job_id, "the floor gave no answer in 60 s"))
        elif not isinstance(message, Stop):
            super().send(message)


def test_a_worker_that_says_it_leaves_gets_nothing_more_and_is_made_to(make_request: MakeRequest, run: Run) -> None:
    fake = Lingering("w", rows=200)

    async def scenario(dispatcher: Dispatcher) -> None:
        first = dispatcher.submit(make_request())
        await asyncio.sleep(1)
        second = dispatcher.submit(make_request())
        await asyncio.sleep(1)
        assert len(fake.requests) == 1
        assert dispatcher.status().workers == 0
        assert isinstance(await error_of(first), WorkerDied)
        assert asyncio.get_running_loop().time() < 20
        await finished(second)

    run(scenario, fake)
