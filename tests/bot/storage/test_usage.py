"""What counts against a member's quota."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.policy import Usage
from engine.api import GenerationFailed, Verdict

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger

DAY_S = 86_400.0


async def usage(ledger: Ledger, user: int = 1, guild: int = 11) -> Usage:
    return await ledger.store.jobs.usage(guild, user, ledger.clock.now)


async def counts(ledger: Ledger) -> tuple[int, int]:
    used = await usage(ledger)
    return used.today, used.active


async def test_accepted_and_running_pictures_count_for_the_day_and_as_active(ledger: Ledger) -> None:
    await ledger.accepted(images=3)
    await ledger.running(images=2)
    assert await counts(ledger) == (5, 5)


async def test_finished_and_delivered_pictures_count_for_the_day_alone(ledger: Ledger) -> None:
    await ledger.finished(["one", "two"])
    delivered = await ledger.finished(["three"])
    await ledger.store.jobs.deliver(delivered.id, 1, {})
    assert await counts(ledger) == (3, 0)


async def test_failed_and_cancelled_jobs_cost_nothing(ledger: Ledger) -> None:
    await ledger.store.jobs.fail((await ledger.running(images=4)).id, GenerationFailed("boom"), 0.0)
    await ledger.store.jobs.cancel((await ledger.accepted(images=4)).id, 0.0)
    assert await counts(ledger) == (0, 0)


async def test_a_blocked_picture_counts_and_one_nobody_could_judge_does_not(ledger: Ledger) -> None:
    await ledger.finished(["one", Verdict.BLOCK, Verdict.ERROR, Verdict.ERROR])
    assert await counts(ledger) == (2, 0)


async def test_deleting_finished_pictures_buys_no_new_ones(ledger: Ledger) -> None:
    await ledger.store.delete((await ledger.finished(["one", "two", Verdict.ERROR])).id)
    assert await counts(ledger) == (2, 0)


async def test_deleting_a_waiting_job_takes_its_pictures_back(ledger: Ledger) -> None:
    await ledger.store.delete((await ledger.accepted(images=2)).id)
    assert await counts(ledger) == (0, 0)


async def test_a_withheld_result_counts(ledger: Ledger) -> None:
    await ledger.store.jobs.withhold((await ledger.finished(["one"])).id)
    assert await counts(ledger) == (1, 0)


async def test_the_day_begins_at_midnight_utc(ledger: Ledger) -> None:
    midnight = ledger.clock.now - ledger.clock.now % DAY_S
    await ledger.store.jobs.cancel((await ledger.accepted(at=midnight)).id, 0.0)
    before = await ledger.accepted(images=2, at=midnight - 0.001)
    await ledger.accepted(images=3, at=midnight)
    used = await usage(ledger)
    assert used == Usage(today=3, active=5, resets_at=midnight + DAY_S)
    await ledger.store.jobs.cancel(before.id, 0.0)
    ledger.clock.now = midnight + DAY_S
    assert await usage(ledger) == Usage(today=0, active=3, resets_at=midnight + 2 * DAY_S)


async def test_members_and_guilds_are_counted_apart(ledger: Ledger) -> None:
    await ledger.accepted(images=1)
    await ledger.accepted(images=2, user=2)
    await ledger.accepted(images=4, guild=12)
    assert (await usage(ledger)).today == 1
    assert (await usage(ledger, user=2)).today == 2
    assert (await usage(ledger, guild=12)).today == 4
    assert (await usage(ledger, user=3)).today == 0
