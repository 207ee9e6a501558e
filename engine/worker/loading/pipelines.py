"""How one model is loaded, and what it consists of then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch.nn import Module

from engine.api import Inversion, ModelUnavailable
from engine.catalog import ModelEntry, Source
from engine.catalog.checkpoint_inspection import Contents, check_family, inspect
from engine.settings import MemoryProfile
from engine.worker.loading.proofs import RowRules
from engine.worker.loading.single_file import load_single_file
from engine.worker.loading.weights import modules_of
from engine.worker.runtime.device import Device
from engine.worker.runtime.faults import one_line
from engine.worker.safety import ANY, Checker, Identify, ProofFailed, SafetyGate, identify, read_checker
from engine.worker.sampling.decoding import WideDecoding
from engine.worker.sampling.loras import Loras

_log = logging.getLogger(__name__)
LOADING = threading.Lock()
"""Held while something is loaded: the libraries change things of the whole process then, and put them back."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to draw.

    Args:
        pipeline: its `StableDiffusionPipeline` or `StableDiffusionXLPipeline`, without safety checker: the gate has it,
            out of the pipeline's reach.
        gate: judges every picture of this model.
        rules: which numbers of rows its UNet takes.
        exact: whether a picture must not depend on them.
        where: the device that draws, also while no part of the pipeline is there.
        wide: whether what its VAE decodes to NaN is worth another try.
        inversions: files of the textual inversions that it understands.
        loras: what may change it.
        memory: its memory profile.
        compiled: whether its UNet is.
    """

    pipeline: Any
    gate: SafetyGate
    rules: RowRules
    exact: bool
    where: torch.device
    wide: WideDecoding
    inversions: Mapping[Inversion, Path] = field(default_factory=dict)
    loras: Loras = field(default_factory=Loras)
    memory: MemoryProfile = "high"
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class ModelParts:
    """A model's files, loaded: not ready to draw, because nothing is proven of them yet.

    Args:
        pipeline: as in `LoadedModel`.
        checkers: its safety checker, and those that its owner added.
    """

    pipeline: Any
    checkers: tuple[Checker, ...]

    def modules(self) -> tuple[Module, ...]:
        """Return everything that has weights."""
        return (*modules_of(self.pipeline).values(), *self.checker_modules())

    def checker_modules(self) -> tuple[Module, ...]:
        """Return what has the checkers' weights."""
        return tuple(checker.module for checker in self.checkers)


def load_parts(entry: ModelEntry, device: Device, identify: Identify = identify) -> ModelParts:
    """Load a model's files to a device. May be called from any thread: only one loads at a time.

    Args:
        entry: the model.
        device: where to.
        identify: tells what its own safety checker has to be.

    Raises:
        ModelUnavailable: they cannot be loaded.
    """
    model = entry.info.id
    with LOADING:
        started = time.monotonic()
        try:
            checkers = tuple(read_checkers(entry, device, identify))
            pipeline = load_pipeline(entry, device)
        except ProofFailed as error:
            raise ModelUnavailable(model, f"its safety checker cannot be trusted: {error}") from error
        except Exception as error:
            _log.exception("%s could not be loaded", model)
            raise ModelUnavailable(model, one_line(error)) from error
        _log.info("loaded %s in %.1f s", model, time.monotonic() - started)
    return ModelParts(pipeline, checkers)


def read_checkers(entry: ModelEntry, device: Device, identify: Identify = identify) -> Iterator[Checker]:
    """Load a model's safety checker and those that its owner added; they are still to be proven.

    Raises:
        ProofFailed: one cannot be loaded, or is not what it has to be.
    """
    yield read_checker(entry.safety_checker, device, identify(entry.safety_checker))
    for number, source in enumerate(entry.additional_checkers, 1):
        try:
            yield read_checker(source, device, ANY, f"additional checker {number}")
        except ProofFailed as error:
            raise ProofFailed(f"{source.folder}: {error}") from error


def load_pipeline(entry: ModelEntry, device: Device) -> Any:
    """Load a model's pipeline from safetensors files onto a device, in the device's number type.

    Raises:
        ContentsError: the files are missing, incomplete, or not of the family that the entry names.
    """
    source = entry.source
    found = inspect(source)
    check_family(found, entry.info.family)
    pipeline = (
        load_single_file(source, found.family, device.dtype) if source.file else _load_folder(source, found, device)
    )
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
        variant=found.variant,
        local_files_only=True,
        dtype=device.dtype,
        use_safetensors=True,
        low_cpu_mem_usage=True,
        feature_extractor=None,
        **without,
    )
