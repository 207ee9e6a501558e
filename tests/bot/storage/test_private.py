"""What the bot keeps is for its owner alone, in whatever folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.storage import migrate
from bot.storage.schema import DATABASE_NAME, load_migrations
from engine.api import InitImage
from tests.bot.storage.conftest import Ledger, allow_all


@pytest.fixture
def open_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that everybody may read, in a process whose new files everybody may read."""
    before = os.umask(0)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o777)
    yield folder
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in folder.rglob("*")}


async def test_every_file_is_its_owners_alone_in_a_folder_that_was_made_for_everybody(open_folder: Path) -> None:
    migrate(open_folder, load_migrations()[:-1])
    stray = open_folder / "pictures" / "00" / "a-stray"
    stray.parent.mkdir(parents=True, mode=0o700)
    stray.parent.parent.chmod(0o700)
    stray.write_text("put there by somebody")
    await _draw(ledger := Ledger(open_folder))
    kept = modes(open_folder)
    files = {name: mode for name, mode in kept.items() if (open_folder / name).is_file()}
    await ledger.close()

    beside = {f"{DATABASE_NAME}{ending}" for ending in ("", "-wal", "-shm")}
    assert {*beside, "easel.mark", "easel.lock"} <= set(files)
    assert {name.split("/")[0] for name in files if "/" in name} == {"copies", "pictures", "inputs", "quarantine"}
    assert {name for name, mode in files.items() if mode != 0o600} == {"quarantine/pictures/00/a-stray"}
    assert {mode for name, mode in kept.items() if name not in files} == {0o700}


async def _draw(ledger: Ledger) -> None:
    await ledger.open(adopt=True)
    plain, start = ledger.job(), b"handed in"
    sha256 = hashlib.sha256(start).hexdigest()
    job = replace(plain, recipe=replace(plain.recipe, init_image=InitImage(sha256, 0.5)), uploads={sha256: start})
    await ledger.store.accept([job], allow_all)
    await ledger.store.jobs.start(job.id)
    await ledger.store.finish(job.id, ledger.result(["one"]))


async def test_a_database_that_others_could_read_is_closed_to_them_at_the_next_start(open_folder: Path) -> None:
    ledger = Ledger(open_folder)
    await ledger.open()
    await ledger.close()
    (open_folder / DATABASE_NAME).chmod(0o644)
    await ledger.open()
    assert {mode for name, mode in modes(open_folder).items() if name.startswith(DATABASE_NAME)} == {0o600}
    await ledger.close()
