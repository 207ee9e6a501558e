"""What was proven is kept over restarts, for as long as everything that it depends on is the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.api import GenerationRequest, Recipe
from engine.catalog import Catalog
from engine.worker.jobs import begin_job
from engine.worker.loading.kept import MOST_KEPT, KeptProofs, ProofFile, fingerprint, surroundings
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.loading.proofs import RowRules
from engine.worker.runtime.device import Device
from engine.worker.safety import Detector
from engine.worker.sampling.buckets import Case, RowShape
from tests.engine.stand_in_checker import any_checker

SHAPE = RowShape(4, 8, 8, 77, 32)
Rows = Callable[[ModelCache, Recipe], tuple[int, ...]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "models" / "proven-rows.json"


@pytest.fixture
def make_models(
    make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device, floor: Detector, path: Path
) -> Callable[..., ModelCache]:
    """Make the models of a worker that has just started."""

    def make(folder: Path = tiny_folder, own: Device = device, revision: str = "1") -> ModelCache:
        (entry,) = make_catalog(folder).entries
        catalog = Catalog((replace(entry, info=replace(entry.info, revision=revision)),))
        return ModelCache(catalog, own, floor, any_checker, proof_file=ProofFile(path))

    return make


@pytest.fixture
def rows(request_for: Callable[..., GenerationRequest]) -> Rows:
    """Give back the buckets that a recipe's images may use now."""

    def read(models: ModelCache, recipe: Recipe) -> tuple[int, ...]:
        job = begin_job(request_for(recipe), models.get("tiny"))
        return job.image_states[0].row_rule.buckets  # type: ignore[attr-defined, no-any-return]

    return read


def prove(models: ModelCache) -> int:
    """Make every call of the proofs; give back how many there were."""
    calls = 0
    while models.prove():
        calls += 1
    return calls


def test_after_a_restart_what_was_proven_is_used_from_the_first_call_on(
    make_models: Callable[..., ModelCache], rows: Rows, recipe: Recipe
) -> None:
    first = make_models()
    wide = replace(recipe, width=96)
    assert (rows(first, recipe), rows(first, wide)) == ((2,), (2,))
    assert prove(first)
    proven = [rows(first, each) for each in (recipe, wide)]
    assert min(map(len, proven)) > 1
    again = make_models()
    assert [rows(again, each) for each in (recipe, wide)] == proven
    assert not prove(again)


def test_another_size_revision_thread_count_or_weights_are_proven_anew(
    make_models: Callable[..., ModelCache], rows: Rows, recipe: Recipe, device: Device, copied_folder: Path
) -> None:
    from safetensors.torch import load_file, save_file

    prove_of = make_models()
    rows(prove_of, recipe)
    prove(prove_of)
    weights = copied_folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["conv_out.bias"][0] += 1.0
    save_file(tensors, weights, {"format": "pt"})
    assert len(rows(make_models(), recipe)) > 1
    assert rows(make_models(), replace(recipe, width=96)) == (2,)
    assert rows(make_models(revision="2"), recipe) == (2,)
    assert rows(make_models(own=replace(device, threads=2)), recipe) == (2,)
    assert rows(make_models(own=replace(device, rows=8)), recipe) == (2,)
    assert rows(make_models(folder=copied_folder), recipe) == (2,)


def test_what_chooses_kernels_is_part_of_what_is_known(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = surroundings(device, {})
    assert surroundings(device, {"HOME": "/root", "PATH": "/bin"}) == plain
    for name in ("OMP_NUM_THREADS", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "LD_PRELOAD"):
        assert surroundings(device, {name: "1"}) != plain
    assert surroundings(replace(device, name="another card"), {}) != plain
    for odd in ("torch", "diffusers"):
        monkeypatch.setattr(
            "engine.worker.loading.kept.version", lambda name, odd=odd: "0" if name == odd else version(name)
        )
        assert surroundings(device, {}) != plain
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX1024")
    assert surroundings(device, {}) != plain
    assert json.dumps(plain)


def test_a_unets_fingerprint_tells_weights_and_configuration_apart(tiny: LoadedModel) -> None:
    unet = tiny.pipeline.unet
    before = fingerprint(unet)
    assert fingerprint(unet) == before
    with torch.no_grad():
        weight = unet.conv_in.weight
        kept = weight[0, 0, 0, 0].clone()
        weight[0, 0, 0, 0] += 1.0
        changed = fingerprint(unet)
        weight[0, 0, 0, 0] = kept
    assert changed != before == fingerprint(unet)


def test_loras_are_a_case_of_their_own(path: Path) -> None:
    kept = KeptProofs(ProofFile(path), "a unet")
    kept.keep(Case(SHAPE, (("ink", "1"),)), 16, 8)
    assert kept.find(Case(SHAPE, (("ink", "1"),)), 16) == 8
    assert kept.find(Case(SHAPE), 16) is None
    assert kept.find(Case(SHAPE, (("ink", "2"),)), 16) is None
    assert kept.find(Case(SHAPE, (("ink", "1"),)), 32) is None
    assert KeptProofs(ProofFile(path), "another unet").find(Case(SHAPE, (("ink", "1"),)), 16) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[2, 4]", b'{"a": 3}', b'{"a": "16"}', b'{"a": [16]}'])
def test_a_damaged_file_is_ignored_with_one_line_and_replaced(
    damage: bytes, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    file = ProofFile(path)
    assert file.find("a") is None
    assert file.find("b") is None
    file.keep("a", 16)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        f"{path} is ignored, and rows are proven again"
    ]
    assert ProofFile(path).find("a") == 16


def test_the_file_is_written_whole_and_nothing_else_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ProofFile(path)
    file.keep("a", 16)

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.replace", fail)
        file.keep("b", 8)
    assert (file.find("a"), file.find("b")) == (16, None)
    file.keep("b", 8)
    assert (file.find("a"), file.find("b")) == (16, 8)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_a_line_in_the_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.write_text("no folder")
    ProofFile(path).keep("a", 16)
    (record,) = (record for record in caplog.records if "cannot be written" in record.message)
    assert str(path) in record.message


def test_two_workers_share_the_file(path: Path) -> None:
    one, other = ProofFile(path), ProofFile(path)
    one.keep("a", 16)
    other.keep("b", 8)
    one.keep("c", 4)
    assert [other.find(key) for key in "abc"] == [16, 8, 4]


def test_the_file_does_not_grow_for_ever(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({str(number): 2 for number in range(MOST_KEPT)}))
    file = ProofFile(path)
    file.keep("new", 16)
    assert len(json.loads(path.read_text())) == MOST_KEPT
    assert (file.find("0"), file.find("1"), file.find("new")) == (None, 2, 16)


def test_a_proof_that_ended_for_want_of_memory_is_not_kept(tiny: LoadedModel, path: Path) -> None:
    kept = KeptProofs(ProofFile(path), "a unet")
    seen: list[int] = []

    def run_out(unet: Any, arguments: Any) -> None:
        seen.append(len(arguments[0]))
        if len(arguments[0]) > 4:
            raise torch.OutOfMemoryError("no more")

    handle = tiny.pipeline.unet.register_forward_pre_hook(run_out)
    try:
        rules = RowRules(tiny.pipeline.unet, 16, exact=True, kept=kept)
        rules.get(SHAPE)
        while rules.prove():
            pass
    finally:
        handle.remove()
    assert max(seen) == 8
    assert not path.exists()
