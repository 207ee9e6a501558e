"""Exit codes and sentences of `python -m engine`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.__main__ import main

ROOT = Path(__file__).parents[3]
GUARD_S = 600.0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "required"),
        (["paint", "x"], "invalid choice: 'paint'"),
        (["draw"], "PROMPT"),
        (["draw", ""], "The prompt is empty"),
        (["draw", "x" * 7000], "at most 6000"),
        (["draw", "apple", "--seed", "seven"], "must be a whole number, not 'seven'"),
        (["draw", "apple", "--seed", "-1"], "from 0 to 4294967295, not -1"),
        (["draw", "apple", "--seed", "4294967296"], "from 0 to 4294967295"),
        (["draw", "apple", "--count", "0"], "count must be between 1 and 4, not 0"),
        (["draw", "apple", "--count", "9"], "count must be between 1 and 4, not 9"),
        (["draw", "apple", "--model", "nope"], "Known models: pocket"),
        (["draw", "apple", "--width", "100"], "128x128"),
        (["draw", "apple", "--steps", "900"], "between 1 and 60"),
        (["draw", "apple", "--guidance", "much"], "must be a number, not 'much'"),
        (["draw", "apple", "--scheduler", "Fast"], "DPM++ 2M"),
        (["draw", "apple", "--colour", "red"], "unrecognized arguments: --colour red"),
        (["draw", "apple", "--output-dir", "/dev/null/x"], "Choose another --output-dir"),
        (["draw", "apple", "--models-file", "/nowhere/models.toml"], "/nowhere/models.toml: cannot be read"),
        (["models", "--models-file", "/nowhere/models.toml"], "/nowhere/models.toml: cannot be read"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_catalogue_that_is_wrong_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = tmp_path / "models.toml"
    models.write_text('[pocket]\ncolour = "red"\n')
    assert main(["draw", "apple", "--models-file", str(models)]) == 2
    assert "unknown key 'colour'" in capsys.readouterr().err


def test_models_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert capsys.readouterr().out.startswith("pocket: ")


def test_help_is_given_under_the_name_of_whoever_passes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "--help"], prog="easel") == 0
    assert "usage: easel draw" in capsys.readouterr().out


def run(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "engine", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_picture_is_drawn_for_real(tmp_path: Path) -> None:
    process = run("draw", "red apple", "--seed", "7", "--steps", "4", "--json", "--output-dir", "out", folder=tmp_path)
    out, err = process.communicate(timeout=GUARD_S)
    assert (process.returncode, err) == (0, "")
    fact = json.loads(out)
    assert (fact["seed"], fact["model"], fact["steps"]) == (7, "pocket", 4)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["easel-7.png"]


@pytest.fixture
def _ctrl_c_is_heard() -> Iterator[None]:
    """Undo, for our children, that a shell starts background commands deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_is_heard")
def test_ctrl_c_leaves_cleanly(tmp_path: Path) -> None:
    process = run("draw", "red apple", "--steps", "60", "--output-dir", "out", folder=tmp_path)
    folder = tmp_path / "out"
    while not folder.exists():  # made just before the engine is opened
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=GUARD_S)
    assert (process.returncode, out, err) == (130, "", "")
    assert not list(folder.iterdir())
