"""`easel models`: what an owner does with the catalogue, and the sentence for what cannot be done."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.catalog import load_catalog
from engine.catalog.models import CHECKER
from tests.engine.stand_in import Hub, put_checker

CATALOGUE = """
[model]
title = "Model"
family = "{family}"
licence = "open"
restrictions = "No harm."
description = "draws"
source = {{ hub = "owner/model", revision = "main" }}
trigger_words = ["model style"]
"""
Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, models_dir: Path) -> Run:
    """Run a command on a catalogue whose model is on the hub; give back the exit code."""

    def do(*arguments: object, family: str = "sd1") -> int:
        file = tmp_path / "models.toml"
        file.write_text(CATALOGUE.format(family=family))
        return main(["models", "--models-file", str(file), *map(str, arguments)])

    return do


@pytest.fixture
def stocked(hub: Hub, family_folder: Callable[..., Path]) -> Hub:
    hub.put("owner/model", family_folder("sd1"))
    put_checker(hub)
    return hub


def test_a_model_is_listed_pulled_and_checked(
    run: Run, stocked: Hub, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    listed = capsys.readouterr().out
    assert "Trigger words: model style." in listed
    assert "Licence: open. No harm." in listed
    assert "Not here yet: easel models pull model" in listed
    assert run("pull", "model") == 0
    assert capsys.readouterr() == ("model: here, and verified.\n", "")
    assert run("list") == 0
    assert "Not here" not in capsys.readouterr().out
    assert run("pull", "model") == 0
    assert "here already" in capsys.readouterr().out
    assert run("check") == 0
    assert capsys.readouterr().out == "model: Stable Diffusion 1.x, 0.0 GB of weights, as it should be.\n"
    (weights,) = models_dir.rglob("unet/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert run("check", "model") == 1
    assert "is damaged. Delete it and pull again." in capsys.readouterr().out


def test_how_far_a_pull_is_can_be_read_by_a_program(run: Run, stocked: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pull", "--json", "model") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["model"] for line in lines} == {"model"}
    assert lines[-1]["done"] == lines[-1]["total"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("pull", "../../x"), 2, "There is no model called '../../x'. Known models: model."),
        (("check", "../../x"), 2, "There is no model called '../../x'. Known models: model."),
        (("add", "../../x"), 2, "'../../x' is no repository; write hub = \"owner/name\""),
        (("add", "owner/x", "--file", "../../x.safetensors"), 2, "must be the name of a file, without a folder"),
        (("add", "owner/x", "--revision", "../../x"), 2, "'../../x' is no revision"),
        (("pull", "other"), 2, "There is no model called 'other'. Known models: model."),
        (("check", "model"), 1, f"model: The files of {CHECKER['hub']} are not all there. Pull them."),
        (("pull", "model"), 1, f"model: There is no repository {CHECKER['hub']} on the model hub"),
        (("add", "nowhere/at-all"), 1, "at-all: There is no repository nowhere/at-all on the model hub"),
        (("add", "old.ckpt"), 2, "old.ckpt cannot be added: its source 'old.ckpt' is no .safetensors file"),
        (("add", "gone.safetensors"), 1, "gone.safetensors cannot be added: there is no file"),
        (("add", "x.safetensors", "--name", "../../x"), 2, "'../../x' cannot be a model's id"),
        (("add", "a/model"), 2, "There is a model called 'model' already"),
        (("add", "no repository"), 2, "'no repository' is no repository"),
        (("paint",), 2, "invalid choice: 'paint'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
    run: Run,
    hub: Hub,
    models_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*arguments) == code
    said = capsys.readouterr()
    assert sentence in said.out + said.err
    assert "Traceback" not in said.err
    assert not (models_dir / "models.toml").exists()


def test_a_pulled_model_of_another_family_is_named(run: Run, stocked: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pull", "model", family="sdxl") == 1
    assert "(family 'sd1'), and the catalogue says 'sdxl'" in capsys.readouterr().err


def test_a_file_is_added_with_its_family_and_what_is_said_of_it(
    run: Run,
    hub: Hub,
    models_dir: Path,
    family_file: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = Path(shutil.copy(family_file("sdxl"), tmp_path / "My Model.safetensors"))
    assert run("add", file, "--title", 'A "fine" one', "--trigger", "fine style", "--licence", "mine") == 0
    assert "my-model: added" in capsys.readouterr().out
    catalog = load_catalog(tmp_path / "models.toml", models_dir)
    assert [info.id for info in catalog.infos()] == ["model", "my-model"]
    added = catalog.entries[1]
    assert (added.info.title, added.info.family, added.info.licence) == ('A "fine" one', "sdxl", "mine")
    assert added.info.trigger_words == ("fine style",)
    assert (added.source.folder, added.source.file) == (file.parent, file.name)


def test_a_folder_and_a_repository_are_added_beside_what_was_added_before(
    run: Run, stocked: Hub, models_dir: Path, family_folder: Callable[..., Path], tmp_path: Path
) -> None:
    assert run("add", family_folder("sd2"), "--name", "two", "--prediction-type", "epsilon") == 0
    assert run("add", "owner/model", "--name", "one") == 0
    two, one = load_catalog(tmp_path / "models.toml", models_dir).entries[1:]
    assert (two.info.id, two.info.family, two.prediction_type) == ("two", "sd2", "epsilon")
    assert (one.info.id, one.info.family, one.info.licence) == ("one", "sd1", "openrail")
    assert set(tomllib.loads((models_dir / "models.toml").read_text())) == {"one", "two"}
