"""A start goes on with the database that belongs beside the files, and with no other unless the owner says so."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.domain.blocked_words import BlockedPhrase
from bot.domain.records import InteractionKey, JobState, LogEntry
from bot.storage import StorageError
from bot.storage.check import LEFT_BY_A_STOP
from bot.storage.mark import MARK_NAME, read_mark
from bot.storage.schema import DATABASE_NAME, migrate
from tests.bot.storage.conftest import DAY_S, GUILD
from tests.bot.storage.strays import quarantined, stray

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger

ADOPT = "easel run --adopt-empty-ledger"


def take_database(ledger: Ledger, to: Path) -> None:
    shutil.copy(ledger.data_dir / DATABASE_NAME, to)


async def block(ledger: Ledger, *phrases: str) -> None:
    entry = LogEntry(ledger.clock.now, 1, "block words", ", ".join(phrases))
    await ledger.store.guilds.block_words(GUILD, [BlockedPhrase(each) for each in phrases], entry, lambda policy: None)


async def test_a_missing_database_beside_pictures_stops_the_start_and_leaves_every_file(ledger: Ledger) -> None:
    await ledger.finished(["one", "two"], grid="both")
    await ledger.close()
    (ledger.data_dir / DATABASE_NAME).unlink()
    with pytest.raises(
        StorageError,
        match=f"is missing, but it was here before.*two ways on. Restore: put the newest database.*{ADOPT}",
    ):
        await ledger.open()
    assert ledger.files() == {"one", "two", "both"}
    assert not (ledger.data_dir / DATABASE_NAME).exists()


async def test_an_empty_database_beside_pictures_stops_the_start_and_leaves_every_file(ledger: Ledger) -> None:
    await ledger.finished(["one"])
    await ledger.close()
    (ledger.data_dir / DATABASE_NAME).write_bytes(b"")
    with pytest.raises(StorageError, match=f"is empty, but it was here before.*{ADOPT}"):
        await ledger.open()
    assert ledger.files() == {"one"}


async def test_the_database_of_another_folder_stops_the_start(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.finished(["one"])
    await ledger.close()
    migrate(tmp_path / "elsewhere")
    shutil.copy(tmp_path / "elsewhere" / DATABASE_NAME, ledger.data_dir / DATABASE_NAME)
    with pytest.raises(StorageError, match=f"is not the one that was used here last.*{ADOPT}"):
        await ledger.open()


@pytest.mark.parametrize("marked", [True, False])
async def test_a_new_database_beside_pictures_of_another_stops_the_start(
    ledger: Ledger, tmp_path: Path, marked: bool
) -> None:
    await ledger.close()
    take_database(ledger, tmp_path / "new")
    await ledger.open()
    await ledger.finished(["one"])
    await ledger.close()
    shutil.copy(tmp_path / "new", ledger.data_dir / DATABASE_NAME)
    if not marked:
        (ledger.data_dir / MARK_NAME).unlink()
    with pytest.raises(StorageError, match=ADOPT):
        await ledger.open()
    assert ledger.files() == {"one"}


@pytest.mark.parametrize("later", [1, 3])
async def test_an_older_database_beside_newer_pictures_stops_the_start(
    ledger: Ledger, tmp_path: Path, later: int
) -> None:
    await ledger.finished(["old"])
    await ledger.close()
    take_database(ledger, tmp_path / "older")
    await ledger.open()
    texts = {f"new {number}" for number in range(later)}
    for text in texts:
        await ledger.finished([text])
    await ledger.close()
    shutil.copy(tmp_path / "older", ledger.data_dir / DATABASE_NAME)
    with pytest.raises(StorageError, match=f"is older than the one that was used here last: .*{ADOPT}"):
        await ledger.open()
    assert ledger.files() == {"old", *texts}


async def test_an_older_database_is_known_by_the_pictures_alone_if_it_is_by_many(
    ledger: Ledger, tmp_path: Path
) -> None:
    await ledger.finished(["old"])
    await ledger.close()
    take_database(ledger, tmp_path / "older")
    await ledger.open()
    for number in range(LEFT_BY_A_STOP + 1):
        await ledger.finished([f"new {number}"])
    await ledger.close()
    shutil.copy(tmp_path / "older", ledger.data_dir / DATABASE_NAME)
    (ledger.data_dir / MARK_NAME).unlink()
    with pytest.raises(
        StorageError, match=rf"does not know {LEFT_BY_A_STOP + 1} of {LEFT_BY_A_STOP + 2} files.*{ADOPT}"
    ):
        await ledger.open()


async def test_blocked_words_do_not_vanish_with_the_database_even_where_no_picture_tells(ledger: Ledger) -> None:
    await block(ledger, "clown")
    await ledger.close()
    for path in ledger.data_dir.glob(f"{DATABASE_NAME}*"):
        path.unlink()
    with pytest.raises(StorageError, match=f"is missing, but it was here before.*{ADOPT}.*blocked words"):
        await ledger.open()


async def test_blocked_words_do_not_vanish_with_an_older_database(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.close()
    take_database(ledger, tmp_path / "older")
    await ledger.open()
    await block(ledger, "clown")
    await ledger.close()
    shutil.copy(tmp_path / "older", ledger.data_dir / DATABASE_NAME)
    with pytest.raises(StorageError, match="1 changes are missing"):
        await ledger.open()


async def test_the_right_database_put_back_starts_as_before(ledger: Ledger, tmp_path: Path) -> None:
    generation = await ledger.finished(["one"])
    await ledger.close()
    shutil.move(ledger.data_dir / DATABASE_NAME, tmp_path / "away")
    with pytest.raises(StorageError):
        await ledger.open()
    shutil.move(tmp_path / "away", ledger.data_dir / DATABASE_NAME)
    await ledger.open()
    assert await ledger.store.pictures.read(generation.id, 0) is not None


async def test_an_owner_who_has_no_other_database_goes_on_and_no_picture_is_lost(ledger: Ledger) -> None:
    await ledger.finished(["one", "two"], grid="both")
    await ledger.close()
    (ledger.data_dir / DATABASE_NAME).unlink()
    await ledger.open(adopt=True)
    assert ledger.files() == set()
    assert quarantined(ledger) == {"one", "two", "both"}
    adopted, moved = ledger.store.take_news()
    assert "is missing, but it was here before" in adopted
    assert "moderators should look at /admin words list" in adopted
    assert "3 files that no record knows moved to" in moved
    await ledger.finished(["three"])
    await ledger.reopen()
    assert ledger.files() == {"three"}
    assert ledger.store.take_news() == ()


async def test_what_a_lost_database_left_in_its_log_is_kept(ledger: Ledger, tmp_path: Path) -> None:
    await block(ledger, "clown")
    log = (ledger.data_dir / f"{DATABASE_NAME}-wal").read_bytes()
    await ledger.close()
    (ledger.data_dir / DATABASE_NAME).unlink()
    (ledger.data_dir / f"{DATABASE_NAME}-wal").write_bytes(log)
    await ledger.open(adopt=True)
    assert (ledger.data_dir / "quarantine" / f"{DATABASE_NAME}-wal").read_bytes() == log


async def test_an_older_database_beside_the_log_of_another_stops_the_start(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.close()
    take_database(ledger, tmp_path / "older")
    await ledger.open()
    for number in range(100):
        await ledger.finished([f"new {number}"])
    await ledger.reopen()  # closing writes the log into the database
    await ledger.finished(["newest"])
    log = (ledger.data_dir / f"{DATABASE_NAME}-wal").read_bytes()  # as a kill leaves it
    await ledger.close()
    shutil.copy(tmp_path / "older", ledger.data_dir / DATABASE_NAME)
    (ledger.data_dir / f"{DATABASE_NAME}-wal").write_bytes(log)
    with pytest.raises(StorageError, match=r"is not the one that its log .* belongs to .* move easel\.sqlite3-wal"):
        await ledger.open()
    assert len(ledger.files()) == 101


async def test_a_stop_at_any_moment_is_no_reason_to_doubt_the_database(ledger: Ledger) -> None:
    await ledger.running()
    changes = read_mark(ledger.data_dir)
    await ledger.finished(["one"])
    assert changes is not None
    last = read_mark(ledger.data_dir)
    assert last is not None
    assert (last.ledger, last.changes) == (changes.ledger, changes.changes + 3)
    # The mark is written after the database: a kill, or a power cut, leaves it behind and never ahead.
    (ledger.data_dir / MARK_NAME).write_text(f"{changes.ledger} {changes.changes:020}\n")
    await ledger.reopen()
    assert read_mark(ledger.data_dir) == last


async def test_a_mark_that_cannot_be_read_or_written_stops_nothing(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    (ledger.data_dir / MARK_NAME).unlink()
    (ledger.data_dir / MARK_NAME).mkdir()
    await ledger.finished(["one"])
    assert f"{MARK_NAME} cannot be written" in caplog.text
    await ledger.reopen()
    assert ledger.files() == {"one"}


async def older_database_put_back(ledger: Ledger, older: Path) -> None:
    """Stop, put an older database in place of the one that was used, and start with it."""
    await ledger.close()
    shutil.copy(older, ledger.data_dir / DATABASE_NAME)
    await ledger.open(adopt=True)


async def test_pictures_that_an_older_database_says_were_removed_move_to_the_quarantine(
    ledger: Ledger, tmp_path: Path
) -> None:
    generation = await ledger.finished(["drawn again since"])
    upload = hashlib.sha256(b"handed in again since").hexdigest()
    await ledger.store.delete(generation.id)
    await ledger.close()
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other, other:
        other.execute("INSERT INTO inputs (sha256, forgotten_at) VALUES (?, 1.0)", (upload,))
    take_database(ledger, tmp_path / "older")
    await ledger.open()
    await ledger.finished(["drawn again since"])
    stray(ledger, upload, "handed in again since", "inputs")
    await older_database_put_back(ledger, tmp_path / "older")
    await ledger.store.forget_pictures(30 * DAY_S)
    assert ledger.files() == set()
    assert quarantined(ledger) == {"drawn again since", "handed in again since"}
    told = " ".join(ledger.store.take_news())
    assert f"2 files that it says were removed moved to {ledger.data_dir / 'quarantine'}" in told


async def test_an_adoption_that_cannot_spare_the_files_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    generation = await ledger.finished(["drawn again since"])
    await ledger.store.delete(generation.id)
    await ledger.close()
    take_database(ledger, tmp_path / "older")
    await ledger.open()
    await ledger.finished(["drawn again since"])
    (ledger.data_dir / "quarantine").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="cannot be changed"):
        await older_database_put_back(ledger, tmp_path / "older")
    with pytest.raises(StorageError, match=ADOPT):
        await ledger.open()
    assert ledger.files() == {"drawn again since"}


async def test_nothing_that_an_adopted_older_database_has_in_hand_is_posted_and_the_owner_is_told(
    ledger: Ledger, tmp_path: Path
) -> None:
    delivered = await ledger.finished(["before"])
    await ledger.store.jobs.deliver(delivered.id, 1, {})
    unfinished = [await ledger.accepted(press="reroll:x:1"), await ledger.running()]
    finished = await ledger.finished(["deleted since"])
    cancelled = await ledger.accepted()
    await ledger.store.jobs.cancel(cancelled.id, ledger.clock.now)
    withheld = await ledger.finished(["withheld"])
    await ledger.store.jobs.withhold(withheld.id)
    await ledger.store.interactions.keep(InteractionKey(1, "secret"), ledger.clock.now)
    await ledger.close()
    take_database(ledger, tmp_path / "older")
    await ledger.open()
    await ledger.store.jobs.deliver(finished.id, 2, {})
    await ledger.store.delete(finished.id)
    await older_database_put_back(ledger, tmp_path / "older")
    assert await ledger.store.jobs.unsettled() == ()
    assert await ledger.store.interactions.without_job(ledger.clock.now) == ()
    ended = [await ledger.get(each) for each in (*unfinished, finished)]
    assert {(each.state, each.is_announced) for each in ended} == {(JobState.FAILED, True)}
    others = [(await ledger.get(each)).state for each in (delivered, cancelled, withheld)]
    assert others == [JobState.DELIVERED, JobState.CANCELLED, JobState.WITHHELD]
    assert (await ledger.store.jobs.usage(GUILD, 1, ledger.clock.now)).active == 0
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other:
        codes = dict(other.execute("SELECT id, error_code FROM jobs WHERE error_code IS NOT NULL"))
    assert codes == {each.id: "ledger_adopted" for each in ended}
    (told,) = ledger.store.take_news()
    assert "5 generations that it had still to draw or post ended, and nothing is posted of them" in told
    await ledger.accepted(press="reroll:x:1")


async def test_a_message_that_its_member_wanted_gone_still_goes_after_an_adoption(
    ledger: Ledger, tmp_path: Path
) -> None:
    generation = await ledger.finished(["secret"])
    await ledger.store.jobs.deliver(generation.id, 1, {})
    await ledger.store.delete(generation.id)
    await ledger.close()
    take_database(ledger, tmp_path / "older")
    await ledger.open()
    await ledger.store.jobs.tell(generation.id)
    await older_database_put_back(ledger, tmp_path / "older")
    assert [each.state for each in await ledger.store.jobs.unsettled()] == [JobState.DELETED]


async def test_an_adoption_that_cannot_end_what_was_in_hand_is_none(ledger: Ledger, tmp_path: Path) -> None:
    generation = await ledger.accepted()
    await ledger.close()
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other:
        other.execute("CREATE TRIGGER refuses BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'not now'); END")
    take_database(ledger, tmp_path / "older")
    await ledger.open()
    await ledger.accepted()
    with pytest.raises(StorageError, match="not now"):
        await older_database_put_back(ledger, tmp_path / "older")
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other:
        other.execute("DROP TRIGGER refuses")
    with pytest.raises(StorageError, match=ADOPT):
        await ledger.open()
    await ledger.open(adopt=True)
    assert (await ledger.get(generation)).state is JobState.FAILED
