"""Nothing is removed that the ledger does not know to be past its time, whatever becomes of the ledger or the clock."""

from __future__ import annotations

import hashlib
import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.records import InteractionKey, JobState, LogEntry
from bot.storage import StorageError
from bot.storage.check import LEFT_BY_A_STOP
from bot.storage.mark import MARK_NAME, read_mark
from bot.storage.schema import DATABASE_NAME, load_migrations, migrate
from bot.words import BlockedPhrase
from tests.bot.storage.conftest import DAY_S, GUILD

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger

ADOPT = "easel run --adopt-empty-ledger"


def stray(ledger: Ledger, name: str, text: str, folder: str = "pictures") -> Path:
    path = ledger.data_dir / folder / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def quarantined(ledger: Ledger) -> set[str]:
    return {path.read_text() for path in (ledger.data_dir / "quarantine").rglob("*") if path.is_file()}


def take_database(ledger: Ledger, to: Path) -> None:
    shutil.copy(ledger.data_dir / DATABASE_NAME, to)


async def block(ledger: Ledger, *phrases: str) -> None:
    entry = LogEntry(ledger.clock.now, 1, "block words", ", ".join(phrases))
    await ledger.store.guilds.block_words(GUILD, [BlockedPhrase(each) for each in phrases], entry, lambda policy: None)


# The database


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
    assert await ledger.store.jobs.in_hand() == ()
    assert await ledger.store.interactions.without_job(ledger.clock.now) == ()
    ended = [await ledger.get(each) for each in (*unfinished, finished)]
    assert {(each.state, each.is_told) for each in ended} == {(JobState.FAILED, True)}
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
    assert [each.state for each in await ledger.store.jobs.in_hand()] == [JobState.DELETED]


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


# Files without a row


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


# The clock


async def test_a_clock_that_is_40_days_ahead_at_a_start_removes_nothing_until_the_owner_says_so(
    ledger: Ledger,
) -> None:
    await ledger.finished(["one"])
    ledger.clock.now += 40 * DAY_S
    await ledger.reopen()
    assert await ledger.store.forget_pictures(30 * DAY_S) == 0
    assert ledger.files() == {"one"}
    (trouble,) = ledger.store.troubles()
    assert "days after the newest record" in trouble.sentence
    assert "easel run --clock-is-right" in trouble.sentence
    await ledger.reopen(clock_is_right=True)
    assert ledger.store.troubles() == ()
    assert await ledger.store.forget_pictures(30 * DAY_S) == 1


async def test_a_clock_that_jumps_ahead_while_the_bot_runs_removes_nothing_whatever_is_drawn_with_it(
    ledger: Ledger,
) -> None:
    await ledger.finished(["one"])
    ledger.clock.now += 40 * DAY_S
    await ledger.finished(["two"])
    for _ in range(3):
        assert await ledger.store.forget_pictures(30 * DAY_S) == 0
    await ledger.reopen()
    assert await ledger.store.forget_pictures(30 * DAY_S) == 0
    assert ledger.files() == {"one", "two"}


async def test_a_clock_that_is_set_right_again_is_trusted_again(ledger: Ledger) -> None:
    await ledger.finished(["one"])
    ledger.clock.now += 40 * DAY_S
    await ledger.finished(["two"])
    ledger.clock.now -= 40 * DAY_S - 3600
    assert ledger.store.troubles() == ()
    await ledger.pass_days(31)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 1
    assert ledger.files() == {"two"}


async def test_a_clock_that_is_behind_the_newest_record_removes_nothing(ledger: Ledger) -> None:
    old = await ledger.finished(["one"])
    await ledger.pass_days(40)
    ledger.clock.now -= 5 * DAY_S
    assert await ledger.store.forget_pictures(30 * DAY_S) == 0
    (trouble,) = ledger.store.troubles()
    assert "which is before the newest record" in trouble.sentence
    assert await ledger.store.pictures.read(old.id, 0) is not None


async def test_a_picture_made_by_a_clock_that_was_far_behind_is_as_young_as_it_is(ledger: Ledger) -> None:
    await ledger.pass_days(3)
    right = ledger.clock.now
    ledger.clock.now = 0.0
    await ledger.finished(["made in 1970"])
    ledger.clock.now = right
    await ledger.pass_days(29)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 0
    await ledger.pass_days(2)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 1


async def test_what_was_deleted_goes_whatever_the_clock_says(ledger: Ledger) -> None:
    generation = await ledger.finished(["one"])
    await ledger.store.jobs.delete(generation.id, ledger.clock.now)  # the bot stops before the file goes
    ledger.clock.now += 40 * DAY_S
    await ledger.reopen()
    assert await ledger.store.forget_pictures(30 * DAY_S) == 1


async def test_requests_from_a_clock_ahead_stop_counting_for_every_day_once_the_owner_says_what_is_right(
    ledger: Ledger,
) -> None:
    right = ledger.clock.now
    ledger.clock.now += 40 * DAY_S
    await ledger.accepted(2)
    ledger.clock.now = right
    await ledger.reopen(clock_is_right=True)
    ledger.clock.now += DAY_S
    assert (await ledger.store.jobs.usage(GUILD, 1, ledger.clock.now)).today == 0


async def test_a_picture_of_which_is_not_known_when_it_was_made_stays(ledger: Ledger) -> None:
    generation = await ledger.finished(["one"])
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other, other:
        other.execute("UPDATE jobs SET ended_at = NULL")
    await ledger.pass_days(100)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 0
    assert (await ledger.get(generation)).state is JobState.FINISHED


async def test_a_ledger_from_before_there_was_a_clock_in_it_is_not_doubted_however_long_it_was_quiet(
    ledger: Ledger,
) -> None:
    await ledger.close()
    shutil.rmtree(ledger.data_dir)
    migrate(ledger.data_dir, load_migrations()[:12])
    with closing(sqlite3.connect(ledger.data_dir / DATABASE_NAME)) as other, other:
        other.execute("INSERT INTO recipes VALUES (?, '{}')", ("0" * 64,))
        other.execute(
            "INSERT INTO jobs (id, kind, recipe_sha256, guild_id, channel_id, user_id, state, count, accepted_at,"
            " ended_at, told) VALUES ('old', 'imagine', ?, 1, 2, 3, 'delivered', 1, ?, ?, 1)",
            ("0" * 64, ledger.clock.now - 3 * DAY_S, ledger.clock.now - 3 * DAY_S),
        )
    await ledger.open()
    assert ledger.store.troubles() == ()
    await ledger.store.set_commands_hash("the first change")
    ledger.clock.now += 40 * DAY_S
    (trouble,) = ledger.store.troubles()
    assert trouble.about == "clock"
