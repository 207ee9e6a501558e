"""How much memory models may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.worker.loading.memory import Memory, available_ram_bytes, ram

MEMINFO = "MemTotal:  16000 kB\nMemFree:  1000 kB\nMemAvailable:  9000 kB\nHugePages_Total: 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "meminfo").write_text(MEMINFO)
    return tmp_path


@pytest.fixture
def cgroup(tmp_path: Path) -> Path:
    """A container of 4 MB that uses 3 MB, 1 MB of them for files that can be dropped."""
    folder = tmp_path / "cgroup"
    folder.mkdir()
    (folder / "memory.max").write_text("4000000\n")
    (folder / "memory.current").write_text("3000000\n")
    (folder / "memory.stat").write_text("anon 2000000\nfile 1000000\ninactive_file 1000000\n")
    return folder


def test_free_ram_is_what_the_machine_can_give_without_swapping(proc: Path) -> None:
    assert available_ram_bytes(proc, proc / "none") == 9000 * 1024


def test_a_container_has_no_more_than_its_limit_leaves(proc: Path, cgroup: Path) -> None:
    assert available_ram_bytes(proc, cgroup) == 2_000_000
    (cgroup / "memory.max").write_text("max\n")
    assert available_ram_bytes(proc, cgroup) == 9000 * 1024


def test_where_the_system_does_not_tell_half_of_the_ram_is_taken_to_be_free(tmp_path: Path) -> None:
    assert 0 < available_ram_bytes(tmp_path / "none", tmp_path / "none") < 2**60


def test_what_is_free_leaves_the_reserve_alone_and_keeps_to_the_budget() -> None:
    assert Memory(lambda: 100, 30).free(1000) == 70
    assert Memory(lambda: 100, 30).free(1000, spare=False) == 100
    assert Memory(lambda: 100, 30, 50).free(20) == 30
    assert Memory(lambda: 100, 30, 50).free(60) == -10
    assert Memory(lambda: 20, 30, 50).free(0) == -10
    assert Memory(lambda: 100, 30, 50).free(0, promised=60) == 10


def test_this_machine_has_memory_for_models() -> None:
    assert ram().free(0) > 0
    assert ram(10).free(0) <= 10
