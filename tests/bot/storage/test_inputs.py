"""Files that members handed in: kept as long as a job may be drawn from them, and by nobody seen."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.records import Generation
from bot.storage import NewJob, StorageError
from engine.api import InitImage, InputWithheld

if TYPE_CHECKING:
    from tests.bot.storage.conftest import Ledger

DAY_S = 86_400
APPLE, MASK = b"an apple", b"a mask"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def job(ledger: Ledger, *uploads: bytes, named: bytes = APPLE) -> NewJob:
    """A job that starts from a file, which is handed in with it or was before."""
    plain = ledger.job()
    start = InitImage(sha(named), 0.5, mask=sha(MASK) if MASK in uploads else "")
    recipe = replace(plain.recipe, init_image=start)
    return replace(plain, recipe=recipe, uploads={sha(data): data for data in uploads})


async def accepted(ledger: Ledger, *uploads: bytes) -> Generation:
    (generation,) = await ledger.store.accept([job(ledger, *uploads)], lambda policy, usage: None)
    return generation


async def drawn(ledger: Ledger, *uploads: bytes, text: str = "a picture") -> Generation:
    running = await ledger.store.jobs.start((await accepted(ledger, *uploads)).id)
    return await ledger.store.finish(running.id, ledger.result([text]))


def kept(ledger: Ledger) -> set[bytes]:
    return {path.read_bytes() for path in (ledger.data_dir / "inputs").rglob("*") if path.is_file()}


async def test_what_is_handed_in_is_there_after_a_stop_at_any_time(ledger: Ledger) -> None:
    await accepted(ledger, APPLE, MASK)
    await ledger.reopen()
    assert await ledger.store.read_start(sha(APPLE)) == APPLE
    assert await ledger.store.read_start(sha(MASK)) == MASK
    assert await ledger.store.read_start(sha(b"something else")) is None


async def test_a_reviewed_picture_is_a_start_too(ledger: Ledger) -> None:
    await ledger.finished(["one"])
    assert await ledger.store.read_start(sha(b"one")) == b"one"


async def test_what_was_handed_in_is_readable_by_its_owner_alone(ledger: Ledger) -> None:
    await accepted(ledger, APPLE)
    (path,) = (path for path in (ledger.data_dir / "inputs").rglob("*") if path.is_file())
    assert path.name == sha(APPLE)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


async def test_a_job_that_is_not_accepted_leaves_nothing_of_what_was_handed_in(ledger: Ledger) -> None:
    await accepted(ledger, MASK)

    def refuse(policy: object, usage: object) -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        await ledger.store.accept([job(ledger, APPLE, MASK)], refuse)
    assert kept(ledger) == {MASK}


async def test_a_job_that_waits_keeps_what_it_starts_from_however_long(ledger: Ledger) -> None:
    await accepted(ledger, APPLE)
    await ledger.pass_days(365)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 0
    assert await ledger.store.read_start(sha(APPLE)) == APPLE


async def test_retention_removes_it_with_the_pictures_unless_a_newer_generation_needs_it(ledger: Ledger) -> None:
    await drawn(ledger, APPLE, text="old")
    await ledger.pass_days(20)
    await drawn(ledger, text="reroll")
    await ledger.pass_days(20)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 1
    assert kept(ledger) == {APPLE}
    await ledger.pass_days(20)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 2
    assert kept(ledger) == set()
    assert await ledger.store.read_start(sha(APPLE)) is None


async def test_what_was_forgotten_and_is_handed_in_again_is_kept_again(ledger: Ledger) -> None:
    await drawn(ledger, APPLE)
    await ledger.store.forget_pictures(-DAY_S)
    await accepted(ledger, APPLE)
    assert await ledger.store.read_start(sha(APPLE)) == APPLE


async def test_deleting_a_generation_removes_it_when_no_other_undeleted_one_needs_it(ledger: Ledger) -> None:
    first = await drawn(ledger, APPLE, MASK)
    second = await drawn(ledger)
    await ledger.store.delete(first.id)
    assert kept(ledger) == {APPLE}
    await ledger.store.delete(second.id)
    assert kept(ledger) == set()


async def test_a_sweep_removes_what_failed_jobs_left(ledger: Ledger) -> None:
    failed = await accepted(ledger, APPLE)
    await ledger.store.jobs.fail(failed.id, InputWithheld(), ledger.clock.now)
    assert await ledger.store.forget_pictures(30 * DAY_S) == 1
    assert kept(ledger) == set()


async def test_a_file_that_was_harmed_is_not_drawn_from(ledger: Ledger) -> None:
    await accepted(ledger, APPLE)
    (path,) = (path for path in (ledger.data_dir / "inputs").rglob("*") if path.is_file())
    path.write_bytes(b"a pear")
    assert await ledger.store.read_start(sha(APPLE)) is None


async def test_a_folder_that_cannot_be_written_fails_with_what_to_do_and_no_job(ledger: Ledger) -> None:
    (ledger.data_dir / "inputs").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match=r"cannot be changed .* Check its permissions"):
        await accepted(ledger, APPLE)
    os.unlink(ledger.data_dir / "inputs")
    assert await ledger.store.jobs.unsettled() == ()
    await accepted(ledger, APPLE)
