"""A model's own checker is known by its files and by what its tower sees: another one never draws."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.api import ModelUnavailable
from engine.catalog import Catalog, Source
from engine.checkers import (
    CHECKER_FILES,
    PREPROCESSOR,
    PUBLIC_FILES,
    WEIGHTS,
    Fingerprint,
    digest_of,
    read_fingerprint,
    write_fingerprint,
)
from engine.pocket import FINGERPRINT, PROOF
from engine.pocket import PREVIEW_MARGIN as POCKET_PREVIEW_MARGIN
from engine.pocket import WEIGHTS as POCKET
from engine.pocket.training import export
from engine.worker.loading.model_cache import ModelCache
from engine.worker.runtime.device import Device
from engine.worker.safety import ANY, Detector, Identity, ProofFailed, identify, load_checker
from engine.worker.safety.checker import Checker
from engine.worker.safety.identity import check_files

Edit = Callable[[Callable[[dict[str, Tensor]], Any]], Path]
BUILT_IN = Source(POCKET, builtin="pocket")


@pytest.fixture
def pocket(device: Device) -> Checker:
    return load_checker(BUILT_IN, device, identify(BUILT_IN))


def digests(folder: Path) -> dict[str, str]:
    return {name: digest_of(folder / name) for name in CHECKER_FILES}


def fill_tower_with_noise(tensors: dict[str, Tensor]) -> None:
    generator = torch.Generator().manual_seed(1)
    for name, tensor in tensors.items():
        if name.startswith("vision_model.") and tensor.ndim > 1:
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * tensor.float().std())


def raise_thresholds(tensors: dict[str, Tensor]) -> None:
    tensors["concept_embeds_weights"].fill_(0.999)


def edit(folder: Path, change: Callable[[dict[str, Tensor]], Any]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})


def truncate(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[:-1])


def look_at_the_middle_only(folder: Path) -> None:
    settings = json.loads((folder / PREPROCESSOR).read_text())
    (folder / PREPROCESSOR).write_text(json.dumps(settings | {"size": {"shortest_edge": 512}}))


def test_a_model_whose_checker_is_not_the_public_one_is_not_drawn_with(
    make_catalog: Callable[..., Catalog], tiny_folder: Path, device: Device, floor: Detector
) -> None:
    with pytest.raises(ModelUnavailable, match=r"cannot be trusted: .* is not the file that it should be"):
        ModelCache(make_catalog(tiny_folder), device, floor).get("tiny")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: edit(folder, raise_thresholds),
        lambda folder: edit(folder, fill_tower_with_noise),
        truncate,
        look_at_the_middle_only,
    ],
    ids=["raised thresholds", "tower of noise", "truncated", "other preparation"],
)
def test_a_checker_whose_files_were_changed_is_refused(
    change: Callable[[Path], None], copied_folder: Path, device: Device
) -> None:
    identity = Identity(digests(copied_folder))
    load_checker(Source(copied_folder), device, identity)
    change(copied_folder)
    with pytest.raises(ProofFailed, match="is not the file that it should be"):
        load_checker(Source(copied_folder), device, identity)


@pytest.mark.parametrize("name", CHECKER_FILES)
def test_a_checker_that_lacks_one_of_its_files_is_refused(name: str, copied_folder: Path, device: Device) -> None:
    identity = Identity(digests(copied_folder))
    (copied_folder / name).unlink()
    with pytest.raises(ProofFailed, match="cannot be read"):
        load_checker(Source(copied_folder), device, identity)


def test_a_file_that_was_exchanged_for_one_of_its_size_and_date_is_read_again(copied_folder: Path) -> None:
    files, weights = digests(copied_folder), copied_folder / WEIGHTS
    check_files(copied_folder, files)
    before = weights.stat()
    edit(copied_folder, raise_thresholds)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert weights.stat().st_size == before.st_size
    with pytest.raises(ProofFailed, match="is not the file that it should be"):
        check_files(copied_folder, files)


def test_what_else_lies_beside_its_files_changes_nothing(copied_folder: Path, device: Device) -> None:
    before = load_checker(Source(copied_folder), device, ANY)
    elsewhere = {"peft_type": "LORA", "base_model_name_or_path": "/nowhere"}
    (copied_folder / "safety_checker" / "adapter_config.json").write_text(json.dumps(elsewhere))
    (copied_folder / "safety_checker" / "model.safetensors.index.json").write_text('{"weight_map": {}}')
    after = load_checker(Source(copied_folder), device, ANY)
    pairs = zip(before.module.state_dict().values(), after.module.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_pockets_checker_sees_what_it_saw_when_it_was_exported_in_half_precision_too(
    dtype: torch.dtype, device: Device
) -> None:
    identity = identify(BUILT_IN)
    assert identity == Identity(digests(POCKET), PROOF, FINGERPRINT, preview_margin=POCKET_PREVIEW_MARGIN)
    load_checker(BUILT_IN, replace(device, dtype=dtype), identity)


def test_what_an_export_of_pocket_writes_is_what_was_shipped(tmp_path: Path) -> None:
    for part in ("safety_checker", "feature_extractor"):
        shutil.copytree(POCKET / part, tmp_path / "weights" / part)
    export.fingerprint(tmp_path / "weights")
    written, shipped = read_fingerprint(tmp_path / "proof" / "fingerprint.json"), read_fingerprint(FINGERPRINT)
    assert written.files == shipped.files
    assert torch.allclose(torch.tensor(written.embeddings), torch.tensor(shipped.embeddings), atol=1e-3)


def test_everything_but_pocket_has_the_public_checkers_identity() -> None:
    place = Path("/models/hub/public")
    assert identify(Source(place)).files == PUBLIC_FILES
    assert identify(Source(place)).fingerprint == place / "checker-fingerprint.json"
    assert identify(Source(POCKET, file="sd15.safetensors")).files == PUBLIC_FILES


def test_a_folder_is_not_pocket_for_holding_its_files() -> None:
    assert identify(Source(POCKET)).files == PUBLIC_FILES


def test_what_says_that_it_is_pocket_has_to_have_its_very_files(edit_checker: Edit, device: Device) -> None:
    forged = Source(edit_checker(raise_thresholds), builtin="pocket")
    with pytest.raises(ProofFailed, match="is not the file that it should be"):
        load_checker(forged, device, identify(forged))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (fill_tower_with_noise, "does not see in the fixed pictures what it should"),
        (lambda tensors: tensors["visual_projection.weight"].neg_(), "does not see in the fixed pictures"),
        (lambda tensors: tensors["visual_projection.weight"].fill_(float("nan")), "failed its proof"),
        (raise_thresholds, "concept_embeds_weights changed in memory"),
        (lambda tensors: tensors["concept_embeds"][3].neg_(), "concept_embeds changed in memory"),
        (lambda tensors: tensors["special_care_embeds_weights"].fill_(1.9), "special_care_embeds_weights changed"),
    ],
)
def test_damage_in_memory_is_found_by_one_picture(
    damage: Callable[[dict[str, Tensor]], Any], reason: str, pocket: Checker
) -> None:
    pocket.prove_again()
    with torch.no_grad():
        damage(pocket.module.state_dict())
    with pytest.raises(ProofFailed, match=reason):
        pocket.prove_again()
    with pytest.raises(ProofFailed, match=reason):
        pocket.prove_behaviour()


def test_what_the_tower_sees_is_recorded_at_the_first_load_and_must_be_seen_ever_after(
    copied_folder: Path, device: Device, tmp_path: Path
) -> None:
    record = tmp_path / "record.json"
    identity = Identity(fingerprint=record, records=True)
    load_checker(Source(copied_folder), device, identity)
    recorded = record.read_bytes()
    load_checker(Source(copied_folder), replace(device, dtype=torch.float16), identity)
    assert record.read_bytes() == recorded
    edit(copied_folder, fill_tower_with_noise)
    with pytest.raises(ProofFailed, match="does not see in the fixed pictures what it should"):
        load_checker(Source(copied_folder), device, identity)


@pytest.mark.parametrize("content", ["", "{}", '{"files": {}, "pictures": "other", "embeddings": []}'])
def test_a_record_that_cannot_be_used_is_made_anew(
    content: str, copied_folder: Path, device: Device, tmp_path: Path
) -> None:
    record = tmp_path / "record.json"
    record.write_text(content)
    load_checker(Source(copied_folder), device, Identity(fingerprint=record, records=True))
    assert len(read_fingerprint(record).embeddings) > 1


def test_a_record_that_cannot_be_written_keeps_nobody_from_drawing(
    copied_folder: Path, device: Device, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    identity = Identity(fingerprint=tmp_path / "nowhere" / "record.json", records=True)
    load_checker(Source(copied_folder), device, identity).prove_again()
    assert "record.json cannot be written (No such file or directory)" in caplog.text


def test_a_checker_that_came_with_a_fingerprint_is_not_used_without_it(
    copied_folder: Path, device: Device, tmp_path: Path
) -> None:
    identity = Identity(digests(copied_folder), fingerprint=tmp_path / "fingerprint.json")
    with pytest.raises(ProofFailed, match=r"fingerprint\.json cannot be read"):
        load_checker(Source(copied_folder), device, identity)
    write_fingerprint(tmp_path / "fingerprint.json", Fingerprint({}, read_fingerprint(FINGERPRINT).embeddings))
    with pytest.raises(ProofFailed, match=r"fingerprint\.json is of another checker"):
        load_checker(Source(copied_folder), device, identity)
