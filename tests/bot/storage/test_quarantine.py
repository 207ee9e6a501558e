"""Files that no row names are moved aside, and what the ledger knows to be removed goes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from bot.storage import StorageError
from tests.bot.storage.conftest import DAY_S
from tests.bot.storage.strays import quarantined, stray

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger

ADOPT = "easel run --adopt-empty-ledger"


async def test_files_without_a_row_move_to_the_quarantine_and_are_told(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    await ledger.finished(["one"])
    stray(ledger, "0" * 64, "left by a stop")
    stray(ledger, "half-written", "half")
    stray(ledger, "a-start", "handed in", "inputs")
    with caplog.at_level(logging.WARNING):
        await ledger.reopen()
    assert ledger.files() == {"one"}
    assert quarantined(ledger) == {"left by a stop", "half", "handed in"}
    (told,) = ledger.store.take_news()
    assert "3 files that no record knows moved to" in told
    assert told in caplog.text


async def test_files_without_a_row_are_found_while_the_bot_runs_too(ledger: Ledger) -> None:
    stray(ledger, "0" * 64, "found later")
    assert await ledger.store.forget_pictures(30 * DAY_S) == 0
    assert quarantined(ledger) == {"found later"}
    assert len(ledger.store.take_news()) == 1


async def test_nothing_in_the_quarantine_is_written_over(ledger: Ledger) -> None:
    for text in ("first", "second", "third"):
        stray(ledger, "same-name", text)
        await ledger.reopen()
    assert quarantined(ledger) == {"first", "second", "third"}


async def test_the_quarantine_is_closed_to_others(ledger: Ledger) -> None:
    stray(ledger, "a-stray", "private")
    await ledger.reopen()
    folders = [ledger.data_dir / "quarantine", *(ledger.data_dir / "quarantine").glob("*")]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


async def test_what_was_deleted_goes_again_when_it_comes_back_with_restored_files(ledger: Ledger) -> None:
    generation = await ledger.finished(["secret"])
    await ledger.store.delete(generation.id)
    ledger.file("secret").write_text("secret")
    await ledger.reopen()
    assert ledger.files() == quarantined(ledger) == set()


async def test_a_write_that_a_stop_broke_off_leaves_nothing(ledger: Ledger) -> None:
    await ledger.finished(["one"])
    (ledger.data_dir / "pictures" / "unfinished" / "tmp123").write_text("hal")
    await ledger.reopen()
    assert not list((ledger.data_dir / "pictures" / "unfinished").iterdir())
    assert ledger.store.take_news() == ()


async def test_a_picture_that_is_not_recorded_does_not_take_one_with_it_that_was_there(ledger: Ledger) -> None:
    stray(ledger, ledger.file("same").name, "same")
    generation = await ledger.running()
    await ledger.store.jobs.cancel(generation.id, 0.0)
    with pytest.raises(StorageError):
        await ledger.store.finish(generation.id, ledger.result(["same"]))
    assert ledger.files() == {"same"}
