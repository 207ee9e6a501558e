"""A model's own `StableDiffusionSafetyChecker`, asked in a way that cannot fail open.

Its own `forward` says "safe" of NaN, blackens pictures in place and takes missing tensors as random ones, so only its
parts are used: the vision tower, the projection, the concepts and their thresholds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from engine.catalog import Source
from engine.pocket import WEIGHTS
from engine.worker.device import Device
from engine.worker.faults import one_line
from engine.worker.safety.detectors import Finding
from engine.worker.safety.floor import PROOF
from engine.worker.safety.proof import ProofFailed, prove

UNUSED = 2.0
"""Threshold of an empty concept slot: a cosine never reaches it."""
PREVIEW_MARGIN, POCKET_PREVIEW_MARGIN = 0.02, 0.2
"""By how much a preview must stay under each threshold, a difference of cosines. Pocket's is measured: drafts of what
is allowed stay 0.35 below. The public checker's thresholds leave less room; its margin is a guess."""
_SPECIAL_CARE = 0.01
_BATCH = 16
"""Views that go through the tower together; more take turns."""


class Checker:
    """Compares a picture's CLIP embedding with the checker's concepts.

    Args:
        model: the loaded checker.
        processor: prepares pictures for its vision tower.
        preview_margin: by how much a preview must stay under each threshold.
    """

    name = "checker"

    def __init__(self, model: Any, processor: Any, preview_margin: float = PREVIEW_MARGIN) -> None:
        self._model = model
        self._preview_margin = preview_margin
        self._processor = processor

    @property
    def module(self) -> Any:
        """What has its weights."""
        return self._model

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        """Block a picture if a view is closer to a concept than the concept's threshold allows; a preview, if nearly.

        Raises:
            ValueError: an embedding is missing or not finite.
        """
        embeddings = self.embed(views)
        if len(embeddings) != len(views):
            raise ValueError(f"{len(embeddings)} embeddings came of {len(views)} views")
        worst = self.margins(embeddings).max(dim=1)
        concept = int(worst.indices[worst.values.argmax()])
        if worst.values.max() > (-self._preview_margin if unfinished else 0):
            return Finding(True, f"concept {concept} by {float(worst.values.max()):.2f}")
        return Finding(False)

    @torch.no_grad()
    def embed(self, views: Sequence[Image.Image]) -> Tensor:
        """Return the embeddings of square RGB pictures, (pictures, features), float32 on the CPU."""
        return torch.cat([self._embed(views[first : first + _BATCH]) for first in range(0, len(views), _BATCH)])

    def _embed(self, views: Sequence[Image.Image]) -> Tensor:
        weight = self._model.visual_projection.weight
        inputs = self._processor(images=list(views), return_tensors="pt").pixel_values
        pooled = self._model.vision_model(inputs.to(weight.device, weight.dtype))[1]
        return self._model.visual_projection(pooled).float().cpu()  # type: ignore[no-any-return]

    @torch.no_grad()
    def margins(self, embeddings: Tensor) -> Tensor:
        """Say by how much embeddings pass each concept's threshold: above 0 is blocked.

        Args:
            embeddings: (pictures, features).

        Returns:
            (pictures, concepts), differences of cosines.

        Raises:
            ValueError: an embedding has another size, is not finite or has no direction, or a margin is not finite.
        """
        concepts = self.table("concept_embeds")
        if embeddings.ndim != 2 or not len(embeddings) or embeddings.shape[1] != concepts.shape[1]:
            raise ValueError(f"the embeddings have shape {tuple(embeddings.shape)}")
        if not torch.isfinite(embeddings).all() or not embeddings.any(dim=1).all():
            raise ValueError("an embedding is not finite or is zero")
        special = _cosines(embeddings, self.table("special_care_embeds")) - self.table("special_care_embeds_weights")
        stricter = _SPECIAL_CARE * (special > 0).any(dim=1, keepdim=True)
        margins = _cosines(embeddings, concepts) - self.table("concept_embeds_weights") + stricter
        if not torch.isfinite(margins).all():
            raise ValueError("the concepts' margins are not finite")
        return margins

    def table(self, name: str) -> Tensor:
        """Return one of the checker's parameters, float32 on the CPU."""
        return getattr(self._model, name).detach().float().cpu()  # type: ignore[no-any-return]


def proof_pictures(source: Source) -> Path | None:
    """Return the folder of the proof pictures made for a checker; None when there are none."""
    return WEIGHTS.with_name("proof") if source.folder == WEIGHTS else None


def load_checker(source: Source, device: Device, proof: Path | None) -> Checker:
    """Load a safety checker and prove that it works.

    Args:
        source: a folder or repository that is a checker, or has one as its subfolder `safety_checker`.
        device: where it runs.
        proof: folder of the proof pictures made for it, if any.

    Raises:
        ProofFailed: a file or tensor is missing or odd, a threshold is out of range, or the proof failed.
    """
    checker = read_checker(source, device)
    prove_checker(checker, proof)
    return checker


def read_checker(source: Source, device: Device) -> Checker:
    """Load a safety checker that is still to be proven, where it will run.

    Raises:
        ProofFailed: a file or tensor is missing or odd, or a threshold is out of range.
    """
    try:
        checker = _load(source.folder, device)
        _check_tables(checker)
    except ProofFailed:
        raise
    except Exception as error:
        raise ProofFailed(f"it could not be loaded ({one_line(error)})") from error
    return checker


def prove_checker(checker: Checker, proof: Path | None) -> None:
    """Prove that a checker works where it lies now.

    Raises:
        ProofFailed: it does not.
    """
    if proof is None:
        prove_by_planting(checker)
    else:
        prove(checker, proof)


def _load(folder: Path, device: Device) -> Checker:
    nested = (folder / "safety_checker" / "config.json").is_file()
    weights, settings = (folder / "safety_checker", folder / "feature_extractor") if nested else (folder, folder)
    if not (weights / "config.json").is_file():
        raise ProofFailed(f"there is none in {folder}")
    model, report = StableDiffusionSafetyChecker.from_pretrained(
        weights, dtype=device.dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if names := report[problem]:
            raise ProofFailed(f"{problem.replace('_', ' ')}: {', '.join(sorted(map(str, names)))}")
    # The class is named because what CLIPImageProcessor stands for depends on which packages are installed.
    processor = CLIPImageProcessorPil.from_dict(json.loads((settings / "preprocessor_config.json").read_text("utf-8")))
    margin = POCKET_PREVIEW_MARGIN if folder == WEIGHTS else PREVIEW_MARGIN
    return Checker(model.to(device.where).eval(), processor, margin)


def _check_tables(checker: Checker) -> None:
    for kind in ("concept_embeds", "special_care_embeds"):
        concepts, thresholds = checker.table(kind), checker.table(f"{kind}_weights")
        used = thresholds < 1.0
        if not torch.isfinite(thresholds).all() or (thresholds <= 0).any() or (thresholds > UNUSED).any():
            raise ProofFailed(f"a threshold of {kind} lies outside 0 to {UNUSED:g}")
        if not torch.isfinite(concepts).all() or not concepts[used].any(dim=1).all():
            raise ProofFailed(f"{kind} are not finite or are zero")
        if kind == "concept_embeds" and not used.any():
            raise ProofFailed("no concept can ever be reached")


def prove_by_planting(checker: Checker) -> None:
    """Prove a checker for which no proof picture is at hand: plant embeddings instead of pictures.

    An embedding that is a concept must be blocked, for every concept in use; two unlike pictures must have finite,
    unlike embeddings, and an embedding that points away from all concepts must pass.

    Raises:
        ProofFailed: one of these is not so.
    """
    try:
        for index in (checker.table("concept_embeds_weights") < 1.0).nonzero().flatten().tolist():
            if checker.margins(checker.table("concept_embeds")[index : index + 1]).max() <= 0:
                raise ProofFailed(f"concept {index} does not block itself")
        if checker.margins(_unlike(checker.table("concept_embeds"))).max() > 0:
            raise ProofFailed("it blocks what is unlike every concept")
        rows = checker.embed([_open(name) for name in ("blocked.png", "plain.png")])
        checker.margins(rows)
        if torch.equal(rows[0], rows[1]):
            raise ProofFailed("it sees no difference between two pictures")
    except (ValueError, RuntimeError, OSError) as error:
        raise ProofFailed(f"it failed its proof ({one_line(error)})") from error


def _unlike(concepts: Tensor) -> Tensor:
    """Return a direction that points away from all concepts together, (1, features)."""
    return -functional.normalize(concepts).mean(dim=0, keepdim=True)


def _open(name: str) -> Image.Image:
    with Image.open(PROOF / name) as file:
        return file.convert("RGB")


def _cosines(embeddings: Tensor, concepts: Tensor) -> Tensor:
    """Return the cosines of (pictures, features) with (concepts, features), (pictures, concepts)."""
    return functional.cosine_similarity(embeddings[:, None], concepts[None], dim=2)
