"""Jobs in the ledger: what is kept, and which moves it takes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from bot.domain.policy import GuildPolicy, Usage
from bot.domain.records import JobState
from bot.storage import IllegalMove, PressUnderWay
from bot.storage.schema import DATABASE_NAME
from engine.api import (
    EngineError,
    Fault,
    GenerationFailed,
    ImageSeed,
    InputNotJudged,
    InvalidSize,
    Verdict,
    WorkerDied,
)

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger


async def test_an_accepted_job_is_on_disk_before_accept_returns(ledger: Ledger) -> None:
    generation = await ledger.accepted()
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other:
        assert other.execute("SELECT id, state FROM jobs").fetchall() == [(generation.id, "accepted")]


async def test_a_job_is_read_back_as_it_was_accepted(ledger: Ledger) -> None:
    job = ledger.job(images=2)
    (generation,) = await ledger.store.jobs.accept([job], lambda policy, usage: None)
    await ledger.reopen()
    assert await ledger.get(generation) == generation
    assert (generation.recipe, generation.place, generation.user_id) == (job.recipe, job.place, job.user_id)
    assert (generation.state, generation.attempts, generation.accepted_at) == (JobState.ACCEPTED, 0, job.accepted_at)


async def test_equal_recipes_are_one_row(ledger: Ledger) -> None:
    await ledger.accepted()
    await ledger.accepted()
    await ledger.accepted(images=2)
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other:
        rows = other.execute("SELECT sha256 FROM recipes").fetchall()
    assert {row[0] for row in rows} == {ledger.job().recipe.sha256(), ledger.job(images=2).recipe.sha256()}


async def test_an_unknown_job_is_none(ledger: Ledger) -> None:
    assert await ledger.store.jobs.get("nowhere") is None


async def test_a_check_that_raises_leaves_no_job(ledger: Ledger) -> None:
    def refuse(policy: GuildPolicy, usage: Usage) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await ledger.accepted(check=refuse)
    assert await ledger.store.jobs.unsettled() == ()


async def test_requests_made_at_once_cannot_pass_a_limit_together(ledger: Ledger) -> None:
    def at_most_five(policy: GuildPolicy, usage: Usage) -> None:
        if usage.today + 2 > 5:
            raise ValueError("too many")

    outcomes = await asyncio.gather(
        *(ledger.accepted(images=2, check=at_most_five) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(outcome, ValueError) for outcome in outcomes) == 4
    assert (await ledger.store.jobs.usage(11, 1, ledger.clock.now)).today == 4


async def test_the_same_press_is_one_job_while_that_job_is_unfinished(ledger: Ledger) -> None:
    first = await ledger.accepted(press="reroll:a:1")
    with pytest.raises(PressUnderWay) as refused:
        await ledger.accepted(press="reroll:a:1")
    assert refused.value.job_id == first.id
    await ledger.accepted(press="reroll:a:2")
    await ledger.store.jobs.cancel(first.id, 0.0)
    assert (await ledger.accepted(press="reroll:a:1")).id != first.id


async def test_a_double_click_is_one_job(ledger: Ledger) -> None:
    outcomes = await asyncio.gather(
        *(ledger.accepted(press="vary:a:0:0.4:1") for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(outcome, PressUnderWay) for outcome in outcomes) == 4


async def test_of_jobs_accepted_together_all_are_recorded_or_none(ledger: Ledger) -> None:
    presses = ["draw:a:0", "draw:a:1"]
    both = await ledger.store.jobs.accept([ledger.job(press=press) for press in presses], lambda policy, usage: None)
    assert [generation.press for generation in both] == presses

    await ledger.store.jobs.cancel(both[0].id, 0.0)
    with pytest.raises(PressUnderWay):
        await ledger.store.jobs.accept([ledger.job(press=press) for press in presses], lambda policy, usage: None)
    assert [generation.id for generation in await ledger.store.jobs.unsettled()] == [each.id for each in both]


async def test_the_database_itself_refuses_a_second_unfinished_press(ledger: Ledger) -> None:
    await ledger.accepted(press="reroll:a:1")
    other = await ledger.accepted(press="reroll:a:2")
    with (
        closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as connection,
        pytest.raises(sqlite3.IntegrityError),
    ):
        connection.execute("UPDATE jobs SET press = 'reroll:a:1' WHERE id = ?", (other.id,))


async def test_each_start_is_an_attempt_and_the_time_of_acceptance_stays(ledger: Ledger) -> None:
    generation = await ledger.running()
    ledger.clock.now += 60
    await ledger.store.jobs.wait_again(generation.id)
    again = await ledger.store.jobs.start(generation.id)
    assert (again.attempts, again.accepted_at) == (2, generation.accepted_at)


async def test_results_are_kept_with_seeds_verdicts_hashes_and_facts(ledger: Ledger) -> None:
    finished = await ledger.finished(["one", Verdict.BLOCK, "three", Verdict.ERROR], grid="both")
    assert finished.state is JobState.FINISHED
    assert [picture.verdict for picture in finished.pictures] == ["allow", "block", "allow", "error"]
    assert [picture.fault for picture in finished.pictures] == [None, None, None, Fault.NOT_FINITE]
    assert [picture.seed for picture in finished.pictures] == [ImageSeed(seed) for seed in range(4)]
    assert [picture.reason for picture in finished.pictures] == ["", "as planned", "", "as planned"]
    assert [picture.file_sha256 is not None for picture in finished.pictures] == [True, False, True, False]
    assert [picture.sha256 is not None for picture in finished.pictures] == [True, False, True, False]
    assert finished.facts is not None
    assert (finished.facts.seconds, finished.facts.versions) == (1.5, (("torch", "2.13.0"),))


async def test_results_of_another_number_of_images_are_refused_whole(ledger: Ledger) -> None:
    generation = await ledger.running(images=2)
    with pytest.raises(ValueError, match="do not match the recipe"):
        await ledger.store.finish(generation.id, ledger.result(["only one"]))
    assert (await ledger.get(generation)).state is JobState.RUNNING
    assert ledger.files() == set()


async def test_a_delivery_keeps_message_and_attachments(ledger: Ledger) -> None:
    generation = await ledger.finished(["one", Verdict.BLOCK, "three"])
    await ledger.store.jobs.place(generation.id, generation.place.channel_id, 555)
    assert (await ledger.get(generation)).message_id == 555
    await ledger.store.jobs.deliver(generation.id, 556, {0: 71, 2: 72})
    delivered = await ledger.get(generation)
    assert (delivered.state, delivered.message_id) == (JobState.DELIVERED, 556)
    assert [picture.attachment_id for picture in delivered.pictures] == [71, None, 72]


@pytest.mark.parametrize(
    "error",
    [
        WorkerDied("cpu-0"),
        InvalidSize(1, 2, ("64x64", "64x96")),
        GenerationFailed("boom"),
        InputNotJudged(Fault.DETECTOR_HUNG, "the floor gave no answer"),
    ],
)
async def test_a_failure_keeps_its_error_as_it_was(ledger: Ledger, error: EngineError) -> None:
    generation = await ledger.accepted()
    await ledger.store.jobs.fail(generation.id, error, 0.0)
    await ledger.reopen()
    kept = (await ledger.get(generation)).error
    assert type(kept) is type(error)
    assert kept.to_data() == error.to_data()


async def test_an_error_that_only_another_version_knows_is_still_a_failure(ledger: Ledger) -> None:
    generation = await ledger.accepted()
    await ledger.store.jobs.fail(generation.id, GenerationFailed("boom"), 0.0)
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other:
        other.execute("UPDATE jobs SET error_code = 'from_the_future'")
        other.commit()
    error = (await ledger.get(generation)).error
    assert isinstance(error, GenerationFailed)
    assert error.reason == "from_the_future"


async def test_a_result_that_cannot_be_delivered_fails_without_blaming_the_engine(ledger: Ledger) -> None:
    generation = await ledger.finished()
    failed = await ledger.store.jobs.give_up_delivery(generation.id, "channel_gone")
    assert (failed.state, failed.error) == (JobState.FAILED, None)


async def test_only_a_finished_job_can_fail_to_be_delivered(ledger: Ledger) -> None:
    generation = await ledger.running()
    with pytest.raises(IllegalMove):
        await ledger.store.jobs.give_up_delivery(generation.id, "channel_gone")


async def test_a_finished_job_cannot_fail_to_be_drawn(ledger: Ledger) -> None:
    generation = await ledger.finished()
    with pytest.raises(IllegalMove):
        await ledger.store.jobs.fail(generation.id, GenerationFailed("boom"), 0.0)
    assert (await ledger.get(generation)).state is JobState.FINISHED


async def test_a_running_job_cannot_be_started_again(ledger: Ledger) -> None:
    generation = await ledger.running()
    with pytest.raises(IllegalMove) as refused:
        await ledger.store.jobs.start(generation.id)
    assert (refused.value.state, refused.value.to) == (JobState.RUNNING, JobState.RUNNING)
    assert (await ledger.get(generation)).attempts == 1


async def test_moving_an_unknown_job_is_refused(ledger: Ledger) -> None:
    with pytest.raises(IllegalMove, match="it is unknown"):
        await ledger.store.jobs.cancel("nowhere", 0.0)


async def test_deleting_an_unknown_job_is_refused(ledger: Ledger) -> None:
    with pytest.raises(IllegalMove, match="it is unknown"):
        await ledger.store.delete("nowhere")


async def test_in_hand_is_what_a_restart_takes_up_oldest_first(ledger: Ledger) -> None:
    late = await ledger.accepted(at=300.0)
    early = await ledger.accepted(at=100.0)
    running = await ledger.running()
    finished = await ledger.finished()
    done = await ledger.finished()
    await ledger.store.jobs.deliver(done.id, 1, {})
    told = await ledger.accepted()
    await ledger.store.jobs.cancel(told.id, 0.0)
    await ledger.store.jobs.tell(told.id)
    untold = await ledger.accepted()
    await ledger.store.jobs.cancel(untold.id, 0.0)
    gone = await ledger.finished()
    await ledger.store.jobs.give_up_delivery(gone.id, "channel_gone")
    await ledger.reopen()
    found = [generation.id for generation in await ledger.store.jobs.unsettled()]
    assert found == [early.id, late.id, running.id, finished.id, untold.id]


@contextmanager
def no_failure_recorded(ledger: Ledger) -> Iterator[None]:
    """Have the database refuse every failure of a job, and nothing else."""
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other:
        other.execute(
            "CREATE TRIGGER refuses BEFORE UPDATE OF state ON jobs WHEN NEW.state = 'failed' "
            "BEGIN SELECT RAISE(ABORT, 'not now'); END"
        )
        yield
        other.execute("DROP TRIGGER refuses")


async def test_a_job_whose_failure_is_told_but_not_recorded_is_in_hand_after_a_stop(ledger: Ledger) -> None:
    generation = await ledger.running()
    with no_failure_recorded(ledger):
        await ledger.store.jobs.fail(generation.id, GenerationFailed("boom"), 0.0)
        await ledger.store.jobs.tell(generation.id)
        await ledger.close()
    await ledger.open()
    assert [each.id for each in await ledger.store.jobs.unsettled()] == [generation.id]


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_failure_that_is_recorded_later_is_as_told_as_its_message_is(
    ledger: Ledger, is_announced: bool
) -> None:
    generation = await ledger.running()
    with no_failure_recorded(ledger):
        await ledger.store.jobs.fail(generation.id, GenerationFailed("boom"), 0.0)
        if is_announced:
            await ledger.store.jobs.tell(generation.id)
    await ledger.store.settle()
    failed = await ledger.get(generation)
    assert (failed.state, failed.is_announced) == (JobState.FAILED, is_announced)


async def test_a_job_whose_failure_is_owed_is_not_taken_up_again_by_this_process(ledger: Ledger) -> None:
    generation = await ledger.running()
    with no_failure_recorded(ledger):
        await ledger.store.jobs.fail(generation.id, GenerationFailed("boom"), 0.0)
        untold = await ledger.store.jobs.unsettled()
        await ledger.store.jobs.tell(generation.id)
        told, kept = await ledger.store.jobs.unsettled(), await ledger.get(generation)
    assert [(each.id, each.state) for each in untold] == [(generation.id, JobState.FAILED)]
    assert (told, kept.state, kept.is_announced) == ((), JobState.FAILED, True)


async def test_a_failure_that_is_owed_is_recorded_at_a_stop(ledger: Ledger) -> None:
    generation = await ledger.running()
    with no_failure_recorded(ledger):
        await ledger.store.jobs.fail(generation.id, GenerationFailed("boom"), 0.0)
        await ledger.store.jobs.tell(generation.id)
    await ledger.reopen()
    failed = await ledger.get(generation)
    assert (failed.state, failed.is_announced) == (JobState.FAILED, True)
    assert (await ledger.store.jobs.usage(generation.place.guild_id, 1, ledger.clock.now)).active == 0


@pytest.mark.parametrize("running", [True, False])
async def test_a_job_that_is_not_over_cannot_be_told(ledger: Ledger, running: bool) -> None:
    generation = await (ledger.running() if running else ledger.accepted())
    await ledger.store.jobs.tell(generation.id)
    assert [each.id for each in await ledger.store.jobs.unsettled()] == [generation.id]
