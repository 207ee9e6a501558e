"""Whatever is killed when: each innocent job is delivered once, each poison job ends once, and no file is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.discord.chaos import Chaos
from tests.discord.server import FakeDiscord

LONG_S = 6 * 3600.0


async def test_killing_bot_and_workers_loses_nothing_and_poison_jobs_take_nobody_with_them(
    tmp_path: Path, discord: FakeDiscord
) -> None:
    chaos = Chaos(discord, tmp_path, seed=1, jobs=40, kills=8, patience_s=1800.0)
    await chaos.run()
    await chaos.check()
    assert set(chaos.killed) == {"bot", "worker"}
    assert chaos.poisoned > 0


@pytest.mark.chaos
async def test_chaos_with_real_workers(tmp_path: Path, discord: FakeDiscord, pytestconfig: pytest.Config) -> None:
    seed, jobs, kills = (int(pytestconfig.getoption(f"--chaos-{name}")) for name in ("seed", "jobs", "kills"))
    chaos = Chaos(discord, tmp_path, seed, jobs=jobs, kills=kills, patience_s=LONG_S, worker="real")
    await chaos.run()
    await chaos.check()
