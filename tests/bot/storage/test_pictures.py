"""Picture files: kept whole, read back only unharmed, forgotten in time."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bot.domain.records import JobState
from bot.storage import IllegalMove, StorageError
from bot.storage.schema import DATABASE_NAME
from engine.api import Verdict

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger

DAY_S = 86_400.0


async def text_of(ledger: Ledger, job_id: str, index: int = 0) -> str | None:
    found = await ledger.store.pictures.read(job_id, index)
    return found.data.decode() if found else None


async def test_an_allowed_picture_is_read_back_as_it_was(ledger: Ledger) -> None:
    generation = await ledger.finished(["one", "two"], grid="both")
    await ledger.reopen()
    kept = await ledger.store.pictures.read(generation.id, 1)
    images = [image.image for image in ledger.result(["one", "two"]).images]
    assert kept == images[1]
    pictures, grid = await ledger.store.pictures.read_all(generation.id)
    assert pictures == dict(enumerate(images))
    assert grid == ledger.result(["one"], "both").grid


async def test_a_file_is_found_by_the_hash_of_its_bytes(ledger: Ledger) -> None:
    await ledger.finished(["one"])
    assert ledger.file("one").read_text() == "one"


async def test_blocked_unjudged_and_absent_pictures_cannot_be_read(ledger: Ledger) -> None:
    generation = await ledger.finished([Verdict.BLOCK, Verdict.ERROR])
    assert [await text_of(ledger, generation.id, index) for index in (0, 1, 2, -1)] == [None] * 4
    assert await ledger.store.pictures.read_all(generation.id) == ({}, None)
    assert await text_of(ledger, "nowhere") is None


async def test_a_row_whose_verdict_is_not_allow_yields_no_picture_even_with_a_file(ledger: Ledger) -> None:
    generation = await ledger.finished(["one"])
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other:
        other.execute("PRAGMA ignore_check_constraints = ON")
        other.execute("UPDATE images SET verdict = 'block'")
        other.commit()
    assert await text_of(ledger, generation.id) is None


async def test_the_database_refuses_a_file_on_a_blocked_image(ledger: Ledger) -> None:
    await ledger.finished(["one"])
    with (
        closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other,
        pytest.raises(sqlite3.IntegrityError),
    ):
        other.execute("UPDATE images SET verdict = 'block'")


async def test_a_file_that_was_changed_is_not_shown_and_the_log_says_so(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    generation = await ledger.finished(["one"])
    ledger.file("one").write_text("two")
    with caplog.at_level(logging.WARNING):
        assert await text_of(ledger, generation.id) is None
    assert "do not match their hash" in caplog.text


async def test_a_file_that_is_gone_is_not_shown_and_the_log_says_so(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    generation = await ledger.finished(["one"])
    ledger.file("one").unlink()
    with caplog.at_level(logging.WARNING):
        assert await text_of(ledger, generation.id) is None
    assert str(ledger.file("one")) in caplog.text


async def test_a_damaged_file_is_written_anew_when_its_picture_comes_again(ledger: Ledger) -> None:
    await ledger.finished(["one"])
    ledger.file("one").write_text("damaged")
    again = await ledger.finished(["one"])
    assert await text_of(ledger, again.id) == "one"


async def test_old_pictures_are_forgotten_and_their_records_stay(ledger: Ledger) -> None:
    old = await ledger.finished(["old", "older"], grid="old grid")
    await ledger.pass_days(10)
    new = await ledger.finished(["new"])
    await ledger.pass_days(25)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 3
    assert ledger.files() == {"new"}
    assert await text_of(ledger, old.id) is None
    assert await text_of(ledger, new.id) == "new"
    assert await ledger.get(old) == old


async def test_a_file_that_a_newer_generation_shows_outlives_the_older_one(ledger: Ledger) -> None:
    old = await ledger.finished(["same"], grid="same grid")
    await ledger.pass_days(20)
    await ledger.finished(["same"], grid="same grid")
    await ledger.pass_days(20)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 0
    assert await text_of(ledger, old.id) == "same"


async def test_a_forgotten_picture_that_comes_again_is_kept_again(ledger: Ledger) -> None:
    old = await ledger.finished(["same"])
    await ledger.pass_days(40)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 1
    await ledger.finished(["same"])
    assert await text_of(ledger, old.id) == "same"


async def test_deleting_a_generation_removes_its_files_and_keeps_its_record(ledger: Ledger) -> None:
    generation = await ledger.finished(["one", "two"], grid="both")
    other = await ledger.finished(["three"])
    deleted = await ledger.store.delete(generation.id)
    assert deleted.state is JobState.DELETED
    assert deleted.recipe == generation.recipe
    assert ledger.files() == {"three"}
    assert await text_of(ledger, other.id) == "three"


async def test_deleting_keeps_files_that_another_generation_shows(ledger: Ledger) -> None:
    first = await ledger.finished(["shared", "own"], grid="other's picture")
    second = await ledger.finished(["shared", "other's picture"])
    await ledger.store.delete(first.id)
    assert ledger.files() == {"shared", "other's picture"}
    await ledger.store.delete(second.id)
    assert ledger.files() == set()


async def test_pictures_of_a_job_cancelled_meanwhile_leave_no_file(ledger: Ledger) -> None:
    await ledger.finished(["shared"])
    generation = await ledger.running(images=2)
    await ledger.store.jobs.cancel(generation.id, 0.0)
    with pytest.raises(IllegalMove):
        await ledger.store.finish(generation.id, ledger.result(["shared", "late"]))
    assert ledger.files() == {"shared"}


async def test_a_folder_that_cannot_be_written_fails_with_what_to_do_and_no_row(ledger: Ledger) -> None:
    generation = await ledger.running()
    (ledger.data_dir / "pictures").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"cannot be changed .* Check its permissions"):
        await ledger.store.finish(generation.id, ledger.result(["one"]))
    assert (await ledger.get(generation)).state is JobState.RUNNING
    os.unlink(ledger.data_dir / "pictures")
    assert (await ledger.store.finish(generation.id, ledger.result(["one"]))).state is JobState.FINISHED


@pytest.mark.parametrize("times", [1, 2])
async def test_pictures_whose_writing_is_cancelled_leave_no_file_however_far_it_was(ledger: Ledger, times: int) -> None:
    generation = await ledger.running(images=2)
    ledger.file("one").parent.mkdir(parents=True)
    os.mkfifo(ledger.file("one"))  # the writer stops where it looks what is there, until somebody fills it
    finishing = asyncio.create_task(ledger.store.finish(generation.id, ledger.result(["one", "two"])))
    filling = await asyncio.to_thread(os.open, ledger.file("one"), os.O_WRONLY)
    for _ in range(times):
        finishing.cancel()
        await ledger.get(generation)  # the cancelled one has had its turn at the ledger
    os.close(filling)
    with pytest.raises(asyncio.CancelledError):
        await finishing
    await asyncio.get_running_loop().shutdown_default_executor()
    assert not ledger.file("two").exists()
    assert (await ledger.get(generation)).state is JobState.RUNNING
