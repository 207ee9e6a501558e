from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bot.app import Assurances, engine_settings, open_app, run, run_until, stop_signals
from bot.domain.policy import Member
from bot.domain.records import Place
from bot.settings import Settings, SettingsError, load_settings
from bot.storage import StorageError
from bot.usecases.imagine import Ask
from bot.usecases.running_jobs import Ended
from engine.executors.fake import FakeExecutor

GUARD_S = 600.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"EASEL_DATA_DIR": str(tmp_path)})


async def test_an_open_app_draws_what_its_use_cases_accept(settings: Settings) -> None:
    member, place = Member(guild_id=1, user_id=2), Place(1, 3)
    async with asyncio.timeout(GUARD_S), open_app(settings, executors=[FakeExecutor()]) as app:
        generation = await app.usecases.imagine.accept(member, place, Ask("a red apple"))
        *_, last = [update async for update in app.usecases.running_jobs.follow(generation.id)]
        parcel = await app.usecases.deliver.prepare(generation.id)

    assert isinstance(last, Ended)
    assert len(parcel.pictures) == 1


async def test_what_was_accepted_is_still_there_when_the_app_is_opened_again(settings: Settings) -> None:
    async with open_app(settings, executors=[FakeExecutor()]) as app:
        generation = await app.usecases.imagine.accept(Member(1, 2), Place(1, 3), Ask("a red apple"))

    async with open_app(settings, executors=[FakeExecutor()]) as app:
        assert [job.id for job in await app.usecases.running_jobs.unsettled()] == [generation.id]


async def test_a_closed_app_leaves_no_task_behind(settings: Settings) -> None:
    before = asyncio.all_tasks()

    async with open_app(settings, executors=[FakeExecutor()]):
        assert asyncio.all_tasks() > before

    assert asyncio.all_tasks() == before


async def drawn(settings: Settings) -> set[Path]:
    """Draw one job, and return the files that are kept of it."""
    async with asyncio.timeout(GUARD_S), open_app(settings, executors=[FakeExecutor()]) as app:
        generation = await app.usecases.imagine.accept(Member(1, 2), Place(1, 3), Ask("a red apple", count=2))
        _ = [update async for update in app.usecases.running_jobs.follow(generation.id)]
    return set((settings.data_dir / "pictures").glob("??/*"))


async def test_a_database_that_is_gone_stops_the_start_until_the_owner_says_to_go_on(settings: Settings) -> None:
    files = await drawn(settings)
    (settings.data_dir / "easel.sqlite3").unlink()

    with pytest.raises(StorageError, match="easel run --adopt-empty-ledger"):
        async with open_app(settings, executors=[FakeExecutor()]):
            raise AssertionError("the pictures would be taken for strangers")
    assert {path for path in files if path.exists()} == files

    async with open_app(settings, executors=[FakeExecutor()], assurances=Assurances(adopt_empty_ledger=True)) as app:
        assert await app.usecases.running_jobs.unsettled() == ()
    assert {path.name for path in (settings.data_dir / "quarantine").glob("pictures/*/*")} == {p.name for p in files}


async def test_running_without_a_token_says_where_to_put_it(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="DISCORD_TOKEN"):
        await run(settings)


def test_wrong_engine_settings_are_named_all_at_once(tmp_path: Path) -> None:
    environment = {"EASEL_ENGINE__QUEUE_LIMIT": "0", "EASEL_ENGINE__WORKER": "2", "EASEL_DATA_DIR": str(tmp_path)}

    with pytest.raises(SettingsError) as refused:
        engine_settings(load_settings(environment))

    assert any("queue_limit" in problem for problem in refused.value.problems)
    assert any("worker" in problem for problem in refused.value.problems)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_run_and_lets_the_work_clean_up(number: signal.Signals) -> None:
    cleaned_up = asyncio.Event()

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up.set()

    async with asyncio.timeout(GUARD_S):
        with stop_signals() as stop:
            await run_until(stop, work())

    assert cleaned_up.is_set()


async def test_work_that_fails_by_itself_is_not_hidden() -> None:
    async def work() -> None:
        raise ValueError("no such token")

    with pytest.raises(ValueError, match="no such token"):
        await run_until(asyncio.Event(), work())
