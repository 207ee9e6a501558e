"""A full disk ends jobs, is told, and leaves nothing behind that only a restart would clear away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "full_disk.py"
ROOT = Path(__file__).parents[3]


def outcome(folder: Path, when: str, how: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), when, how],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A data folder whose part of that name is a disk of its own, of half a megabyte."""
    disk = tmp_path / "data" / request.param
    disk.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield tmp_path / "data"
    subprocess.run(["umount", "--lazy", disk], check=True)


def check(found: dict[str, Any]) -> None:
    during, after = found["during"], found["after"]
    assert during["state"] == "failed"
    assert "My disk is full or cannot be written" in during["member"]
    (told,) = during["owner"]
    assert "Check" in told
    assert "free disk space" in told
    assert (during["left"], during["unfinished"], during["in the engine"]) == ([], [], 0)
    assert after["state"] == "failed"
    assert after["refused"] is None
    assert (after["active"], after["today"]) == (0, 4)
    assert (after["troubles"], after["pictures"]) == ([], 5)


@pytest.mark.parametrize("when", ["started", "drawn"])
def test_where_no_file_can_grow_a_job_ends_and_its_member_draws_again_without_a_restart(
    tmp_path: Path, when: str
) -> None:
    found = outcome(tmp_path / "data", when, "limit")
    check(found)
    assert "My disk is full or cannot be written" in found["during"]["refused"]


@pytest.mark.parametrize("small_disk", [""], indirect=True)
def test_on_a_disk_that_is_full_a_job_ends_and_its_member_draws_again_without_a_restart(small_disk: Path) -> None:
    check(outcome(small_disk, "drawn", "ballast"))


@pytest.mark.parametrize("small_disk", ["pictures"], indirect=True)
def test_where_only_the_pictures_do_not_fit_it_is_the_same(small_disk: Path) -> None:
    check(outcome(small_disk, "drawn", "pictures"))
