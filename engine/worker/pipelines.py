"""Models in memory: loaded once, shared by all jobs, each with its safety gate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch

from engine.api import Inversion, ModelUnavailable, UnknownModel
from engine.catalog import Catalog, ModelEntry, Source
from engine.catalog.contents import Contents, check_family, inspect
from engine.worker.buckets import Proofs, work_in_pairs
from engine.worker.device import Device
from engine.worker.faults import one_line
from engine.worker.loras import Loras
from engine.worker.previews import LatentColours, read_latent_colours
from engine.worker.safety import Detector, ProofFailed, SafetyGate, load_checker, proof_pictures
from engine.worker.single_file import load_single_file

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to draw.

    Args:
        pipeline: its `StableDiffusionPipeline` or `StableDiffusionXLPipeline`, without safety checker: the gate has it,
            out of the pipeline's reach.
        gate: judges every picture of this model.
        colours: how its latents look.
        proofs: which numbers of rows change nothing; None in the class `fast`, where that does not matter.
        inversions: files of the textual inversions that it understands.
        loras: what may change it.
    """

    pipeline: Any
    gate: SafetyGate
    colours: LatentColours
    proofs: Proofs | None
    inversions: Mapping[Inversion, Path] = field(default_factory=dict)
    loras: Loras = field(default_factory=Loras)


class Models:
    """The models of one worker. Owned by the thread that prepares jobs.

    Args:
        catalog: which models there are.
        device: where they are loaded to.
        floor: the proven classifier under every model's gate.
        proof_pictures: tells where a safety checker's proof pictures are; None when it has none.
    """

    def __init__(
        self,
        catalog: Catalog,
        device: Device,
        floor: Detector,
        proof_pictures: Callable[[Source], Path | None] = proof_pictures,
    ) -> None:
        self._catalog = catalog
        self._device = device
        self._floor = floor
        self._proof_pictures = proof_pictures
        self._loaded: dict[str, LoadedModel] = {}

    def get(self, model: str) -> LoadedModel:
        """Return a model, loading it the first time.

        Raises:
            UnknownModel: the catalogue has no such id.
            ModelUnavailable: its files cannot be loaded, or its safety checker failed its proof. The next call tries
                again.
        """
        if model not in self._loaded:
            entry = self._catalog.get(model)
            if entry is None:
                raise UnknownModel(model, tuple(info.id for info in self._catalog.infos()))
            self._loaded[model] = self._load(entry)
        return self._loaded[model]

    def _load(self, entry: ModelEntry) -> LoadedModel:
        started = time.monotonic()
        model = entry.info.id
        try:
            checker = load_checker(entry.safety_checker, self._device, self._proof_pictures(entry.safety_checker))
        except ProofFailed as error:
            raise ModelUnavailable(model, f"its safety checker cannot be trusted: {error}") from error
        try:
            pipeline = load_pipeline(entry, self._device)
            colours = read_latent_colours(entry.source.folder, entry.info.family)
        except Exception as error:
            _log.exception("%s could not be loaded", model)
            raise ModelUnavailable(model, one_line(error)) from error
        _log.info("loaded %s in %.1f s", model, time.monotonic() - started)
        gate, proofs = SafetyGate(self._floor, checker), self._proofs(pipeline.unet)
        loras = Loras(entry.loras, exact=proofs is not None)
        return LoadedModel(pipeline, gate, colours, proofs, entry.inversions, loras)

    def _proofs(self, unet: Any) -> Proofs | None:
        if self._device.service == "fast":
            return None
        work_in_pairs(unet)
        return Proofs(unet, self._device.rows)


def load_pipeline(entry: ModelEntry, device: Device) -> Any:
    """Load a model's pipeline from safetensors files onto a device, in the device's number type.

    Raises:
        ContentsError: the files are missing, incomplete, or not of the family that the entry names.
    """
    source = entry.source
    found = inspect(source)
    check_family(found, entry.info.family)
    pipeline = load_single_file(source, found.family, device) if source.file else _load_folder(source, found, device)
    if prediction := entry.prediction_type or found.prediction_type:
        pipeline.scheduler = pipeline.scheduler.from_config(pipeline.scheduler.config, prediction_type=prediction)
    pipeline.to(device.where)
    if found.family.id == "sdxl" and pipeline.vae.config.force_upcast and device.dtype == torch.float16:
        pipeline.vae.to(torch.float32)  # SDXL's VAE passes the largest number that float16 has
    for part in (pipeline.unet, pipeline.vae):
        part.to(memory_format=device.memory_format)
    return pipeline


def _load_folder(source: Source, found: Contents, device: Device) -> Any:
    # The gate has the safety checker, out of the pipeline's reach; SDXL's class has no place for one.
    without = {} if found.family.id == "sdxl" else {"safety_checker": None, "requires_safety_checker": False}
    return getattr(diffusers, found.family.pipeline).from_pretrained(
        source.folder,
        variant=source.variant,
        local_files_only=True,
        dtype=device.dtype,
        use_safetensors=True,
        low_cpu_mem_usage=True,
        feature_extractor=None,
        **without,
    )
