"""A model's own checker: it blocks what it should, and what is wrong with it is found before it judges anything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from engine.api import Fault, Verdict
from engine.catalog import Source
from engine.worker.runtime.device import Device
from engine.worker.safety import (
    Detector,
    Finding,
    Identity,
    ProofFailed,
    SafetyGate,
    TimedDetector,
    load_checker,
    prove_checker,
)
from engine.worker.safety.checker import Checker
from engine.worker.safety.floor import PROOF

Edit = Callable[[Callable[[dict[str, Tensor]], Any]], Path]


def load(folder: Path, device: Device, pictures: Path | None = None) -> Checker:
    return load_checker(Source(folder=folder), device, Identity(pictures=pictures))


def noise(seed: int) -> Image.Image:
    pixels = torch.randint(0, 256, (4, 4, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Image.fromarray(pixels.numpy()).resize((64, 64))


@pytest.fixture
def checker(tiny_folder: Path, device: Device) -> Checker:
    return load(tiny_folder, device)


def test_a_complete_checker_is_loaded_from_its_own_folder_too(copied_folder: Path, device: Device) -> None:
    shutil.copy(copied_folder / "feature_extractor" / "preprocessor_config.json", copied_folder / "safety_checker")
    assert not load(copied_folder / "safety_checker", device).look([noise(1)]).blocked


def test_a_picture_close_to_a_concept_is_blocked_by_its_number(
    checker: Checker, edit_checker: Edit, device: Device
) -> None:
    wanted = checker.embed([noise(1)])[0]
    folder = edit_checker(lambda tensors: tensors["concept_embeds"][3].copy_(wanted))
    planted = load(folder, device)
    assert planted.look([noise(1)]) == Finding(True, "concept 3 by 0.02")
    assert not planted.look([noise(2)]).blocked


def test_a_special_care_concept_only_lowers_the_other_thresholds(
    checker: Checker, edit_checker: Edit, device: Device
) -> None:
    row = checker.embed([noise(1)])[0]

    def almost(tensors: dict[str, Tensor]) -> None:
        tensors["concept_embeds"][3] = row
        tensors["concept_embeds"][3, 0] += row.norm() * 0.03
        cosine = torch.cosine_similarity(tensors["concept_embeds"][3], row, dim=0)
        tensors["concept_embeds_weights"][3] = cosine + 0.00005

    def care(tensors: dict[str, Tensor]) -> None:
        tensors["special_care_embeds"][1] = row
        tensors["special_care_embeds_weights"][1] = 0.9

    folder = edit_checker(almost)
    assert not load(folder, device).look([noise(1)]).blocked
    edit_checker(care)
    assert load(folder, device).look([noise(1)]).blocked
    edit_checker(lambda tensors: tensors["concept_embeds_weights"][3].fill_(2.0))
    assert not load(folder, device).look([noise(1)]).blocked


def test_it_judges_as_the_stock_checker_does(edit_checker: Edit, device: Device) -> None:
    folder = edit_checker(lambda tensors: tensors["concept_embeds_weights"][:7].fill_(0.35))
    ours = load(folder, device)
    theirs = StableDiffusionSafetyChecker.from_pretrained(folder / "safety_checker")
    pictures = [noise(seed) for seed in range(24)]
    inputs = ours._processor(images=pictures, return_tensors="pt").pixel_values
    _, expected = theirs(inputs, [torch.zeros(1)] * len(pictures))
    assert [ours.look([picture]).blocked for picture in pictures] == expected
    assert 0 < sum(expected) < len(pictures)


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("safety_checker", "there is none in "),
        ("safety_checker/config.json", "there is none in "),
        ("safety_checker/model.safetensors", "could not be loaded"),
        ("feature_extractor/preprocessor_config.json", "could not be loaded"),
    ],
)
def test_a_checker_with_a_file_missing_is_refused(
    missing: str, reason: str, copied_folder: Path, device: Device
) -> None:
    path = copied_folder / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ProofFailed, match=reason):
        load(copied_folder, device)


def test_a_checker_that_is_not_safetensors_is_refused(copied_folder: Path, device: Device) -> None:
    weights = copied_folder / "safety_checker" / "model.safetensors"
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
    weights.unlink()
    with pytest.raises(ProofFailed, match="could not be loaded"):
        load(copied_folder, device)


def remove_concepts(tensors: dict[str, Tensor]) -> None:
    del tensors["concept_embeds"], tensors["concept_embeds_weights"]


def add_a_tensor(tensors: dict[str, Tensor]) -> None:
    tensors["other"] = torch.ones(1)


def drop_a_concept(tensors: dict[str, Tensor]) -> None:
    tensors["concept_embeds"] = tensors["concept_embeds"][:16].clone()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (remove_concepts, "missing keys: concept_embeds, concept_embeds_weights"),
        (add_a_tensor, "unexpected keys: other"),
        (drop_a_concept, "could not be loaded"),
        (lambda tensors: tensors["concept_embeds_weights"].fill_(2.0), "no concept can ever be reached"),
        (lambda tensors: tensors["concept_embeds_weights"][2].fill_(float("nan")), "threshold of concept_embeds"),
        (lambda tensors: tensors["concept_embeds_weights"][2].fill_(2.1), "threshold of concept_embeds"),
        (lambda tensors: tensors["concept_embeds_weights"][2].fill_(0.0), "threshold of concept_embeds"),
        (lambda tensors: tensors["special_care_embeds_weights"][2].fill_(-0.1), "threshold of special_care"),
        (lambda tensors: tensors["concept_embeds"][2].fill_(float("nan")), "concept_embeds are not finite"),
        (lambda tensors: tensors["concept_embeds"][2].zero_(), "concept_embeds are not finite or are zero"),
        (lambda tensors: tensors["special_care_embeds"][2].fill_(float("inf")), "special_care_embeds are not finite"),
        (lambda tensors: tensors["visual_projection.weight"].fill_(float("nan")), "failed its proof"),
        (lambda tensors: tensors["visual_projection.weight"].zero_(), "failed its proof"),
        (lambda tensors: tensors["vision_model.embeddings.patch_embedding.weight"].zero_(), "sees no difference"),
    ],
)
def test_a_damaged_checker_is_refused(change: Any, reason: str, edit_checker: Edit, device: Device) -> None:
    with pytest.raises(ProofFailed, match=reason):
        load(edit_checker(change), device)


def test_pictures_of_another_size_than_its_tower_takes_are_an_error(copied_folder: Path, device: Device) -> None:
    settings = copied_folder / "feature_extractor" / "preprocessor_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"crop_size": {"height": 24, "width": 24}}))
    with pytest.raises(ProofFailed, match="failed its proof"):
        load(copied_folder, device)


def test_a_checker_that_comes_with_proof_pictures_is_proven_on_them(
    checker: Checker, edit_checker: Edit, device: Device
) -> None:
    with pytest.raises(ProofFailed, match=r"checker did not block blocked\.png"):
        load(edit_checker(lambda tensors: None), device, PROOF)
    with Image.open(PROOF / "blocked.png") as picture:
        wanted = checker.embed([picture.convert("RGB")])[0]
    folder = edit_checker(lambda tensors: tensors["concept_embeds"][3].copy_(wanted))
    assert load(folder, device, PROOF).look([Image.open(PROOF / "blocked.png").convert("RGB")]).blocked


@pytest.mark.parametrize(("always", "reason"), [(False, "concept 0 does not block itself"), (True, "unlike every")])
def test_a_checker_that_always_says_the_same_fails_its_proof(always: bool, reason: str, checker: Checker) -> None:
    class Constant(Checker):
        def margins(self, embeddings: Tensor) -> Tensor:
            return torch.full((len(embeddings), 1), 1.0 if always else -1.0)

    with pytest.raises(ProofFailed, match=reason):
        prove_checker(Constant(checker._model, checker._processor, checker._expected))


@pytest.mark.parametrize(
    "embedding",
    [
        torch.ones(0, 16),
        torch.ones(1, 15),
        torch.ones(16),
        torch.full((1, 16), float("nan")),
        torch.stack([torch.ones(16), torch.zeros(16)]),
        torch.stack([torch.ones(16), torch.full((16,), float("inf"))]),
    ],
)
def test_an_embedding_that_is_not_a_finite_row_is_an_error(embedding: Tensor, checker: Checker) -> None:
    with pytest.raises(ValueError, match="embedding"):
        checker.margins(embedding)


class Forgetful(torch.nn.Module):
    """A tower that says nothing of the last picture."""

    def __init__(self, tower: torch.nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return tuple(each[:-1] for each in self.tower(pixels)[:2])


def test_a_view_of_which_the_tower_says_nothing_is_an_error(checker: Checker) -> None:
    checker.module.vision_model = Forgetful(checker.module.vision_model)
    with pytest.raises(ValueError, match="1 embeddings came of 2 views"):
        checker.look([noise(1), noise(2)])


def test_a_checker_damaged_after_its_proof_is_an_error_of_the_gate(checker: Checker, floor: Detector) -> None:
    gate = SafetyGate(TimedDetector(floor), TimedDetector(checker), side=64)
    pixels = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    assert gate.review(pixels, torch.zeros(1)).verdict is Verdict.ALLOW
    checker._model.visual_projection.weight.data.fill_(float("nan"))
    assert gate.review(pixels, torch.zeros(1)).fault is Fault.DETECTOR_BROKE


def test_concepts_damaged_after_the_proof_are_an_error_of_the_gate(checker: Checker, floor: Detector) -> None:
    checker._model.concept_embeds.data[3] = float("nan")
    pixels = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    gate = SafetyGate(TimedDetector(floor), TimedDetector(checker), side=64)
    assert gate.review(pixels, torch.zeros(1)).fault is Fault.DETECTOR_BROKE
