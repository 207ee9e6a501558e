"""`easel models merge`: the parents at the ends, both in between, and no file at all when it cannot be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.__main__ import main
from engine.catalog import Source, load_catalog
from engine.catalog.checkpoint_inspection import ContentsError
from engine.pocket import WEIGHTS
from engine.worker.loading.pipelines import load_pipeline
from engine.worker.merge.__main__ import Order, Parent, merge
from engine.worker.runtime.device import open_device

CATALOGUE = """
[one]
title = "One"
family = "sd1"
licence = "open"
restrictions = "No harm."
description = "draws"
source = {{ folder = "{one}" }}
trigger_words = ["one style"]
negative_prompt = "blurry"

[two]
title = "Two"
family = "sd1"
licence = "closed"
restrictions = "No harm."
description = "draws"
source = {{ folder = "{two}" }}
trigger_words = ["two style"]

[xl]
title = "XL"
family = "sdxl"
licence = "open"
description = "draws"
source = {{ folder = "{xl}" }}

[far]
title = "Far"
family = "sd1"
licence = "open"
description = "not pulled"
source = {{ hub = "owner/far" }}
"""
Merge = Callable[..., dict[str, Tensor]]
Run = Callable[..., int]


def weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder in diffusers' format."""
    return {
        f"{file.parent.name}.{name}": tensor
        for file in folder.rglob("*.safetensors")
        for name, tensor in load_file(file).items()
    }


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


@pytest.fixture
def one(family_folder: Callable[..., Path]) -> Path:
    return family_folder("sd1", 1)


@pytest.fixture
def two(family_folder: Callable[..., Path]) -> Path:
    return family_folder("sd1", 2)


@pytest.fixture
def mix(tmp_path: Path) -> Merge:
    """Merge sources in this process; give back the result's tensors."""

    def do(*sources: Source | Path, family: str = "sd1", method: str = "weighted", alpha: float = 0.5) -> Any:
        named = [source if isinstance(source, Source) else Source(source) for source in sources]
        parents = [Parent(name, source, {}) for name, source in zip("ABC", named, strict=False)]
        into = tmp_path / "result"
        shutil.rmtree(into, ignore_errors=True)
        merge(Order(family, method, alpha, parents, into), lambda done, total: None)
        return weights(into)

    return do


@pytest.mark.parametrize("method", ["weighted", "slerp"])
def test_the_ends_are_the_parents_bit_for_bit(method: str, mix: Merge, one: Path, two: Path) -> None:
    assert same(mix(one, two, method=method, alpha=0.0), weights(one))
    assert same(mix(one, two, method=method, alpha=1.0), weights(two))


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
def test_the_ends_are_the_parents_in_every_family(family: str, mix: Merge, family_folder: Callable[..., Path]) -> None:
    first, second = family_folder(family, 1), family_folder(family, 2)
    assert same(mix(first, second, family=family, alpha=0.0), weights(first))
    assert same(mix(first, second, family=family, alpha=1.0), weights(second))


def test_between_the_ends_every_layer_is_something_of_both(mix: Merge, one: Path, two: Path) -> None:
    first, second = weights(one), weights(two)
    for name, tensor in mix(one, two, alpha=0.25).items():
        assert torch.allclose(tensor, 0.75 * first[name] + 0.25 * second[name], atol=1e-6), name


def test_slerp_keeps_the_length_of_a_layer(mix: Merge, one: Path, two: Path) -> None:
    first, second = weights(one), weights(two)
    round_about, straight = mix(one, two, method="slerp"), mix(one, two)
    name = "unet.mid_block.resnets.0.conv1.weight"
    expected = (first[name].norm() + second[name].norm()) / 2
    assert torch.isclose(round_about[name].norm(), expected, rtol=0.02)
    assert straight[name].norm() < 0.8 * expected


def test_a_difference_adds_what_the_second_learnt_since_its_base(
    mix: Merge, one: Path, two: Path, family_folder: Callable[..., Path]
) -> None:
    base = family_folder("sd1", 3)
    first, second, third = weights(one), weights(two), weights(base)
    for name, tensor in mix(one, two, base, method="difference", alpha=0.5).items():
        assert torch.allclose(tensor, first[name] + 0.5 * (second[name] - third[name]), atol=1e-5), name
    assert same(mix(one, two, base, method="difference", alpha=0.0), first)


def test_a_single_file_and_a_folder_can_be_merged(
    mix: Merge, one: Path, two: Path, family_file: Callable[..., Path]
) -> None:
    file = family_file("sd1", 1)
    source = Source(file.parent, file=file.name, config=one)
    assert same(mix(source, two, alpha=0.0), weights(one))
    assert same(mix(two, source, alpha=1.0), weights(one))


def test_half_precision_stays_half_and_shards_become_one(mix: Merge, one: Path, tmp_path: Path) -> None:
    half = Path(shutil.copytree(one, tmp_path / "half"))
    for file in half.rglob("*.safetensors"):
        save_file({name: tensor.half() for name, tensor in load_file(file).items()}, file)
    assert {tensor.dtype for tensor in mix(half, one).values()} == {torch.float16}
    pocket = mix(WEIGHTS, WEIGHTS, alpha=0.5)
    assert same(pocket, {name: tensor for name, tensor in weights(WEIGHTS).items() if not name.startswith("safety")})


def test_layers_are_the_same_under_the_names_of_older_versions(mix: Merge, one: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(one, tmp_path / "old"))
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    (vae,) = (old / "vae").glob("*.safetensors")
    tensors = load_file(vae)
    for new, before in names.items():
        tensors = {name.replace(f"attentions.0.{new}.", f"attentions.0.{before}."): t for name, t in tensors.items()}
    save_file(tensors, vae)
    assert any(".query." in name for name in tensors)
    assert same(mix(one, old, alpha=0.5), weights(one))


def test_parents_whose_layers_differ_are_refused_before_anything_is_written(
    mix: Merge, one: Path, two: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(two, tmp_path / "other"))
    (unet,) = (other / "unet").glob("*.safetensors")
    tensors = load_file(unet)
    save_file(tensors | {"conv_in.bias": torch.zeros(9)}, unet)
    with pytest.raises(ContentsError, match=r"the layer conv_in\.bias of unet has the shape \[8\] in A and \[9\] in B"):
        mix(one, other)
    del tensors["conv_in.bias"]
    save_file(tensors, unet)
    with pytest.raises(ContentsError, match=r"unet of A has a layer conv_in\.bias, and that of B has not"):
        mix(one, other)
    assert not (tmp_path / "result").exists()
    assert list(tmp_path.glob(".merging*")) == []


@pytest.fixture
def run(tmp_path: Path, models_dir: Path, one: Path, two: Path, family_folder: Callable[..., Path]) -> Run:
    licensed = Path(shutil.copytree(one, tmp_path / "licensed"))
    (licensed / "LICENSE.md").write_text("what is allowed")

    def do(*arguments: object) -> int:
        file = tmp_path / "models.toml"
        file.write_text(CATALOGUE.format(one=licensed, two=two, xl=family_folder("sdxl")))
        return main(["models", "--models-file", str(file), "merge", *map(str, arguments)])

    return do


def test_the_result_is_in_the_catalogue_with_its_parents_terms_and_can_be_loaded(
    run: Run, models_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("one", "two", "--alpha", "0.5", "--name", "both") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "both: 0.0 GB of weights, added to" in said.out
    assert "Peak memory: " in said.out
    entry = load_catalog(tmp_path / "models.toml", models_dir).get("both")
    assert entry is not None
    assert (entry.info.licence, entry.info.restrictions) == ("open; closed", "No harm.")
    assert entry.info.trigger_words == ("one style", "two style")
    assert (entry.info.negative_prompt, entry.info.description) == ("blurry", "0.5 of the way from one to two.")
    record = json.loads((models_dir / "both" / "merge.json").read_text())
    assert [record["parents"][role]["licence"] for role in ("first", "second")] == ["open", "closed"]
    assert (models_dir / "both" / "parents" / "first" / "LICENSE.md").read_text() == "what is allowed"
    assert load_pipeline(entry, open_device("cpu", 1)).unet.dtype == torch.float32
    assert sorted(path.name for path in models_dir.iterdir()) == ["both", "models.toml"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("one", "xl", "--name", "x"), "one is of the family sd1 and xl of sdxl: only models of one family"),
        (("one", "two", "--name", "../../x"), "'../../x' cannot be a model's id"),
        (("one", "two", "--name", "two"), "There is a model called 'two' already"),
        (("one", "../../x", "--name", "x"), "There is no model called '../../x', and no such file"),
        (("one", "two", "--name", "loras"), "'loras' cannot be a model's id"),
        (("one", "gone", "--name", "x"), "There is no model called 'gone', and no such file"),
        (("one", "far", "--name", "x"), "The files of far are not here yet: easel models pull far"),
        (("one", "old.ckpt", "--name", "x"), "old.ckpt cannot be merged: 'old.ckpt' is no .safetensors file"),
        (("one", "gone.safetensors", "--name", "x"), "gone.safetensors cannot be merged: there is no file"),
        (("one", "two", "--alpha", "1.5", "--name", "x"), "--alpha must be between 0 and 1, not 1.5."),
        (("one", "two", "--alpha", "nan", "--name", "x"), "--alpha must be between 0 and 1, not nan."),
        (("one", "two", "--method", "difference", "--name", "x"), "--method difference and --base belong together"),
        (("one", "two", "--base", "one", "--name", "x"), "--method difference and --base belong together"),
        (("one", "two"), "the following arguments are required: --name"),
    ],
)
def test_what_cannot_be_merged_is_one_sentence_and_no_file(
    arguments: tuple[str, ...], sentence: str, run: Run, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert (said.out, len(said.err.strip().splitlines())) == ("", 1)
    assert not models_dir.exists()


def test_models_that_predict_different_things_are_refused(
    run: Run, one: Path, tmp_path: Path, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(one, tmp_path / "other"))
    config = other / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "prediction_type": "v_prediction"}))
    assert run("one", other, "--name", "x") == 2
    assert "what lies between them predicts neither" in capsys.readouterr().err
    assert not models_dir.exists()
