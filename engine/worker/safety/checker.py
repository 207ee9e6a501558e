"""A model's own `StableDiffusionSafetyChecker`, asked in a way that cannot fail open.

Its own `forward` says "safe" of NaN, blackens pictures in place and takes missing tensors as random ones, so only its
parts are used: the vision tower, the projection, the concepts and their thresholds.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from engine.catalog import Source
from engine.checkers import Fingerprint, FingerprintError, fixed_pictures, read_fingerprint, write_fingerprint
from engine.worker.runtime.device import Device
from engine.worker.runtime.faults import one_line
from engine.worker.safety.detectors import Finding
from engine.worker.safety.identity import ANY, Identity, check_files
from engine.worker.safety.proof import ProofFailed, prove

UNUSED = 2.0
"""Threshold of an empty concept slot: a cosine never reaches it."""
TOLERANCE = 0.02
"""Cosine distance by which an embedding may differ from what it should be: devices and half precision change bits."""
OWN = "checker"
_SPECIAL_CARE = 0.01
_BATCH = 16
"""Views that go through the tower together; more take turns."""
_TABLES = ("concept_embeds", "concept_embeds_weights", "special_care_embeds", "special_care_embeds_weights")

_log = logging.getLogger(__name__)


class Checker:
    """Compares a picture's CLIP embedding with the checker's concepts.

    Args:
        model: the loaded checker.
        processor: prepares pictures for its vision tower.
        expected: what its tower makes of the fixed pictures while it is healthy, (pictures, features).
        identity: what it has to be.
        name: for reasons and logs.
    """

    def __init__(self, model: Any, processor: Any, expected: Tensor, identity: Identity = ANY, name: str = OWN) -> None:
        self.name = name
        self._identity = identity
        self._model = model
        self._processor = processor
        self._expected = expected
        self._tables = {table: self.table(table).clone() for table in _TABLES}
        self._next = 0

    @property
    def pictures(self) -> Path | None:
        """Folder of the proof pictures made for it, if any."""
        return self._identity.pictures

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
        if worst.values.max() > (-self._identity.preview_margin if unfinished else 0):
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

    def prove_behaviour(self) -> None:
        """Show the tower all fixed pictures, and look whether concepts and thresholds are as they were loaded.

        Raises:
            ProofFailed: it sees something else than it should, or they are not.
        """
        self._prove(range(len(fixed_pictures())))

    def prove_again(self) -> None:
        """Do the same with one of the pictures, the next one each time: cheap enough to be done between two looks.

        Raises:
            ProofFailed: as in `prove_behaviour`.
        """
        self._next = (self._next + 1) % len(fixed_pictures())
        self._prove([self._next])

    def _prove(self, indexes: Sequence[int]) -> None:
        for table, loaded in self._tables.items():
            if not torch.equal(self.table(table), loaded):
                raise ProofFailed(f"its {table} changed in memory")
        seen = _embed_all(self, [fixed_pictures()[index] for index in indexes])
        expected = self._expected[list(indexes)]
        if seen.shape != expected.shape or (functional.cosine_similarity(seen, expected) < 1 - TOLERANCE).any():
            raise ProofFailed("it does not see in the fixed pictures what it should")


def load_checker(source: Source, device: Device, identity: Identity, name: str = OWN) -> Checker:
    """Load a safety checker and prove that it works; the arguments are those of `read_checker`.

    Raises:
        ProofFailed: a file or tensor is missing, odd or another than it should be, or the proof failed.
    """
    checker = read_checker(source, device, identity, name)
    prove_checker(checker)
    return checker


def read_checker(source: Source, device: Device, identity: Identity, name: str = OWN) -> Checker:
    """Load a safety checker that is still to be proven, where it will run.

    Args:
        source: a folder or repository that is a checker, or has one as its subfolder `safety_checker`.
        device: where it runs.
        identity: what it has to be.
        name: for reasons and logs.

    Raises:
        ProofFailed: a file or tensor is missing, odd or another than it should be, or a threshold is out of range.
    """
    try:
        check_files(source.folder, identity.files)
        model, processor = _load(source.folder)
        _check_tables(model)
        expected = _expected(model, processor, identity)
        return Checker(model.to(device.where, device.dtype), processor, expected, identity, name)
    except (ProofFailed, torch.AcceleratorError):
        raise
    except Exception as error:
        raise ProofFailed(f"it could not be loaded ({one_line(error)})") from error


def prove_checker(checker: Checker) -> None:
    """Prove that a checker works where it lies now.

    Raises:
        ProofFailed: it does not.
    """
    checker.prove_behaviour()
    if checker.pictures is None:
        prove_by_planting(checker)
    else:
        prove(checker, checker.pictures)


def _load(folder: Path) -> tuple[Any, Any]:
    """Load a checker in float32 on the CPU, and what prepares its pictures, from the named files alone."""
    nested = (folder / "safety_checker" / "config.json").is_file()
    weights, settings = (folder / "safety_checker", folder / "feature_extractor") if nested else (folder, folder)
    if not (weights / "config.json").is_file():
        raise ProofFailed(f"there is none in {folder}")
    # Given a folder, the libraries would follow whatever else lies there, such as an adapter that names other weights.
    model, report = StableDiffusionSafetyChecker.from_pretrained(
        None,
        config=StableDiffusionSafetyChecker.config_class.from_dict(_json(weights / "config.json")),
        state_dict=load_file(weights / "model.safetensors"),
        dtype=torch.float32,
        output_loading_info=True,
    )
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if names := report[problem]:
            raise ProofFailed(f"{problem.replace('_', ' ')}: {', '.join(sorted(map(str, names)))}")
    # The class is named because what CLIPImageProcessor stands for depends on which packages are installed.
    return model.eval(), CLIPImageProcessorPil.from_dict(_json(settings / "preprocessor_config.json"))


def _json(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def _expected(model: Any, processor: Any, identity: Identity) -> Tensor:
    """Return what the tower should make of the fixed pictures: what its fingerprint says, or as it does now."""
    if identity.fingerprint is not None:
        try:
            known = read_fingerprint(identity.fingerprint)
            if known.files == identity.files:
                return torch.tensor(known.embeddings)
            problem = f"{identity.fingerprint} is of another checker"
        except FingerprintError as error:
            problem = str(error)
        if not identity.records:
            raise ProofFailed(problem)
    embeddings = functional.normalize(_embed_all(Checker(model, processor, torch.empty(0)), fixed_pictures()))
    likeness = embeddings @ embeddings.T - torch.eye(len(embeddings))
    if not (likeness < 1 - TOLERANCE).all():
        raise ProofFailed("it sees no difference between two pictures")
    if identity.fingerprint is not None:
        try:
            write_fingerprint(identity.fingerprint, Fingerprint(identity.files, embeddings.tolist()))
        except OSError as error:
            _log.warning("%s cannot be written (%s)", identity.fingerprint, error.strerror)
    return embeddings


def _check_tables(model: Any) -> None:
    for kind in ("concept_embeds", "special_care_embeds"):
        concepts, thresholds = getattr(model, kind), getattr(model, f"{kind}_weights")
        used = thresholds < 1.0
        if not torch.isfinite(thresholds).all() or (thresholds <= 0).any() or (thresholds > UNUSED).any():
            raise ProofFailed(f"a threshold of {kind} lies outside 0 to {UNUSED:g}")
        if not torch.isfinite(concepts).all() or not concepts[used].any(dim=1).all():
            raise ProofFailed(f"{kind} are not finite or are zero")
        if kind == "concept_embeds" and not used.any():
            raise ProofFailed("no concept can ever be reached")


def prove_by_planting(checker: Checker) -> None:
    """Prove a checker for which no proof picture is at hand: plant embeddings instead of pictures.

    An embedding that is a concept must be blocked, for every concept in use, and one that points away from all concepts
    must pass.

    Raises:
        ProofFailed: one of these is not so.
    """
    try:
        for index in (checker.table("concept_embeds_weights") < 1.0).nonzero().flatten().tolist():
            if checker.margins(checker.table("concept_embeds")[index : index + 1]).max() <= 0:
                raise ProofFailed(f"concept {index} does not block itself")
        if checker.margins(_unlike(checker.table("concept_embeds"))).max() > 0:
            raise ProofFailed("it blocks what is unlike every concept")
    except torch.AcceleratorError:
        raise
    except (ValueError, RuntimeError) as error:
        raise ProofFailed(f"it failed its proof ({one_line(error)})") from error


def _unlike(concepts: Tensor) -> Tensor:
    """Return a direction that points away from all concepts together, (1, features)."""
    return -functional.normalize(concepts).mean(dim=0, keepdim=True)


def _embed_all(checker: Checker, pictures: Sequence[Image.Image]) -> Tensor:
    try:
        rows = checker.embed(pictures)
    except torch.AcceleratorError:
        raise  # the card's fault
    except Exception as error:
        raise ProofFailed(f"it failed its proof ({one_line(error)})") from error
    if not torch.isfinite(rows).all() or not rows.any(dim=1).all():
        raise ProofFailed("it failed its proof (an embedding is not finite or is zero)")
    return rows


def _cosines(embeddings: Tensor, concepts: Tensor) -> Tensor:
    """Return the cosines of (pictures, features) with (concepts, features), (pictures, concepts)."""
    return functional.cosine_similarity(embeddings[:, None], concepts[None], dim=2)
