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
from engine.bench.copies import COPIES, put_copies
from engine.catalog import load_catalog
from engine.executors.fake import FakeExecutor, StartOutcome
from engine.hub import take_stock
from engine.settings import default_models_file


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
    workers = [FakeExecutor(f"fake-{number}", step_s=0.5, rows=8) for number in range(2)]
    file = tmp_path / "lag.json"

    await run_lag(LagOptions(interactions=60, seconds=1.0, json_file=file), load_settings({}), put_copies, workers)

    data = json.loads(file.read_text())
    assert data["answered"] == 60
    assert set(data["interactions"]) == {"imagine", "autocomplete", "button", "quota", "admin"}
    assert data["pictures_delivered"] > 0


async def test_workers_that_cannot_draw_end_the_run_with_the_reason() -> None:
    workers = [FakeExecutor(starts=[StartOutcome.UNFIT] * 5)]
    with pytest.raises(SandboxUnavailable, match="planted picture"):
        await run_lag(LagOptions(), load_settings({}), put_copies, workers)


def test_members_may_choose_among_six_pulled_models_beside_the_built_in_one(tmp_path: Path) -> None:
    put_copies(default_models_file(), tmp_path / "models")

    stock = take_stock(load_catalog(default_models_file(), tmp_path / "models"))
    assert [info.id for info in stock.infos_here] == ["pocket", *COPIES]
    assert len(COPIES) == 6


@pytest.mark.parametrize(("seconds", "steps"), [(0.1, 8), (1.0, 8), (15.0, 20), (30.0, 40), (600.0, 40)])
def test_a_run_that_is_not_short_has_the_longest_pictures_drawn(seconds: float, steps: int) -> None:
    assert LagOptions(seconds=seconds).most_steps == steps


def test_the_command_as_it_comes_has_the_longest_pictures_drawn() -> None:
    assert LagOptions().most_steps == 40


@pytest.mark.parametrize("option", ["--interactions=0", "--interactions=many", "--seconds=0", "--seconds=inf"])
def test_an_amount_that_cannot_be_measured_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lag", option]) == 2
    assert re.search("a whole number from 1|a number above zero", capsys.readouterr().err)


def test_the_private_name_that_makes_simcord_impatient_is_there() -> None:
    assert callable(Env._settle_internal)
