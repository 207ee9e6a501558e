"""`easel lag` measures the real bot beside real workers, and says what it found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from simcord import Env

from bot.__main__ import main
from bot.sandbox import LagOptions, SandboxUnavailable, run_lag
from bot.settings import load_settings
from engine.executors.fake import FakeExecutor, StartOutcome


def test_a_small_run_answers_everyone_and_writes_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lag.json"

    assert main(["lag", "--interactions", "5", "--seconds", "1", "--json", str(file)]) == 0

    said = capsys.readouterr().out
    assert "Event loop lag" in said
    assert "5 of 5 interactions answered" in said
    data = json.loads(file.read_text())
    assert data["answered"] == sum(data["interactions"].values()) == 5
    assert set(data["lag_ms"]) == set(data["first_answer_ms"]) == {"p50", "p95", "p99", "max"}
    assert data["lag_measured"] > 0
    assert {"pictures_delivered", "longest_collection_ms", "bot_cpu_share", "slow_share_by_part"} <= set(data)


async def test_every_kind_of_interaction_comes_and_pictures_are_delivered_meanwhile(tmp_path: Path) -> None:
    workers = [FakeExecutor(f"fake-{number}", step_s=0.1, rows=8) for number in range(2)]
    file = tmp_path / "lag.json"

    await run_lag(LagOptions(interactions=60, seconds=1.0, json_file=file), load_settings({}), workers)

    data = json.loads(file.read_text())
    assert data["answered"] == 60
    assert set(data["interactions"]) == {"imagine", "autocomplete", "button", "quota", "admin"}
    assert data["pictures_delivered"] > 0


async def test_workers_that_cannot_draw_end_the_run_with_the_reason() -> None:
    workers = [FakeExecutor(starts=[StartOutcome.UNFIT] * 5)]
    with pytest.raises(SandboxUnavailable, match="planted picture"):
        await run_lag(LagOptions(), load_settings({}), workers)


@pytest.mark.parametrize("option", ["--interactions=0", "--interactions=many", "--seconds=0", "--seconds=inf"])
def test_an_amount_that_cannot_be_measured_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lag", option]) == 2
    assert re.search("a whole number from 1|a number above zero", capsys.readouterr().err)


def test_the_private_name_that_makes_simcord_impatient_is_there() -> None:
    assert callable(Env._settle_internal)
