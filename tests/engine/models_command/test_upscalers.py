"""`easel models list` and `check` with upscalers."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import save_file

from engine.__main__ import main
from tests.engine.worker.upscaling.networks import random_network

CATALOGUE = """
[pocket]
title = "Pocket"
family = "sd1"
licence = "MIT"
description = "draws"
source = { builtin = "pocket" }

[upscalers.crisp]
title = "Crisp"
licence = "BSD-3-Clause"
factor = 4
source = { file = "crisp.safetensors" }

[upscalers.wrong]
licence = "none"
factor = 2
source = { file = "crisp.safetensors" }
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The beginning of a command on a catalogue of one model and two upscalers, one of which has the wrong factor."""
    monkeypatch.setenv("EASEL_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "models.toml").write_text(CATALOGUE)
    save_file(random_network(blocks=3), tmp_path / "crisp.safetensors")
    return ["models", "--models-file", str(tmp_path / "models.toml")]


def test_upscalers_are_listed_after_the_models(models: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*models, "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "crisp: Crisp. Makes pictures x4. Licence: BSD-3-Clause."
    assert [line.partition(":")[0] for line in lines] == ["pocket", "crisp", "wrong"]


def test_their_files_are_checked_by_name_or_with_everything_else(
    models: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    good = "crisp: RRDBNet of 3 blocks with 8 channels that makes pictures x4, 0.00 GB of weights, as it should be."
    bad = "wrong: it makes pictures x4, and the catalogue says 2."
    assert main([*models, "check", "crisp"]) == 0
    assert capsys.readouterr().out.splitlines() == [good]
    assert main([*models, "check"]) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [good, bad]
    assert main([*models, "check", "wrong", "pocket"]) == 1
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ["wrong", "pocket"]


def test_a_file_that_is_not_there_is_named(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "crisp.safetensors").unlink()
    assert main([*models, "check", "crisp"]) == 1
    assert capsys.readouterr().out == "crisp: crisp.safetensors cannot be read (No such file or directory).\n"
