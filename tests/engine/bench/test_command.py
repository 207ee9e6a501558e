"""`easel bench` from its arguments to its table, its figures and its plot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from engine.__main__ import main
from engine.wire.contenders import TINY, Contender


def test_a_short_run_prints_its_table_and_writes_its_figures_and_its_plot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, plot = tmp_path / "bench.json", tmp_path / "bench.png"
    short = ("--minutes", "0.1", "--loads", "1.4", "--threads", "1", "--device", "cpu")

    assert main(["bench", "--model", TINY, *short, "--json", str(data), "--plot", str(plot)]) == 0

    table = capsys.readouterr().out
    assert table.splitlines()[2].startswith(f"{TINY}: ")
    for contender in Contender:
        assert table.count(f"\n{contender} ") == 2  # all at once, and at the one load
    figures = json.loads(data.read_text())
    ratios = figures["ratios"][TINY]
    for name in ("saturated_throughput_vs_sequential", "share_of_row_ceiling", "p95_at_1_4_vs_static_strict"):
        assert ratios[name] > 0
        assert set(ratios["by_service"]) == {"exact", "fast"}
    assert ratios["service"] == "exact"
    assert list(figures["models"][TINY]["loads"]) == ["1.4"]
    assert figures["models"][TINY]["likeness"]["exact"]["equal"] == 1.0
    assert figures["models"][TINY]["saturated"]["exact"][0]["rows_per_step"] > 2  # proven before it is measured
    with Image.open(plot) as picture:
        assert picture.format == "PNG"


def test_a_model_that_is_not_there_is_answered_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--model", "nothing-like-it", "--device", "cpu"]) == 1
    said = capsys.readouterr().err
    assert "nothing-like-it" in said
    assert TINY in said


@pytest.mark.parametrize("option", ["--minutes=0", "--minutes=nan", "--loads=1,fast", "--loads=-1"])
def test_an_amount_that_cannot_be_measured_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", option]) == 2
    assert "above zero" in capsys.readouterr().err
