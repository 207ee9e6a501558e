"""A clock that may be wrong removes nothing for its age."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from bot.domain.records import JobState
from bot.storage.schema import DATABASE_NAME, load_migrations, migrate
from tests.bot.storage.conftest import DAY_S, GUILD

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger

ADOPT = "easel run --adopt-empty-ledger"


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
