"""One folder, one bot."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.policy import Limits
from bot.storage import StorageError, open_store
from bot.storage.folder import held_folder

LIMITS = Limits(1, 1, 1, 64, 1)


async def test_a_second_bot_on_the_same_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with open_store(tmp_path, LIMITS):
        with pytest.raises(StorageError, match=r"Another Easel is running on .* its own EASEL_DATA_DIR"):
            async with open_store(tmp_path, LIMITS):
                raise AssertionError("two bots would deliver the same jobs")
    async with open_store(tmp_path, LIMITS):
        pass


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "easel.lock").mkdir()
    with pytest.raises(StorageError, match="Check its permissions"), held_folder(tmp_path):
        raise AssertionError("nothing is held")
