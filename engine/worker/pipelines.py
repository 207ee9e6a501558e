"""How one model is loaded, and what it consists of then."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from diffusers import StableDiffusionPipeline
from torch.nn import Module

from engine.api import ModelUnavailable
from engine.catalog import ModelEntry
from engine.settings import MemoryProfile
from engine.worker.buckets import RowRules
from engine.worker.device import Device
from engine.worker.faults import one_line
from engine.worker.previews import LatentColours, read_latent_colours
from engine.worker.safety import Checker, ProofFailed, SafetyGate, read_checker
from engine.worker.weights import modules_of

_log = logging.getLogger(__name__)
_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to draw.

    Args:
        pipeline: its `StableDiffusionPipeline`, without safety checker: the gate has it, out of the pipeline's reach.
        gate: judges every picture of this model.
        colours: how its latents look.
        rules: which numbers of rows its UNet takes.
        exact: whether a picture must not depend on them.
        memory: its memory profile.
        compiled: whether its UNet is.
    """

    pipeline: Any
    gate: SafetyGate
    colours: LatentColours
    rules: RowRules
    exact: bool
    memory: MemoryProfile = "high"
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """A model's files, loaded: not ready to draw, because nothing is proven of them yet.

    Args:
        pipeline, colours: as in `LoadedModel`.
        checker: its safety checker.
    """

    pipeline: Any
    checker: Checker
    colours: LatentColours

    def modules(self) -> tuple[Module, ...]:
        """Return everything that has weights."""
        return (*modules_of(self.pipeline).values(), self.checker.module)


def load_parts(entry: ModelEntry, device: Device) -> Parts:
    """Load a model's files to a device. May be called from any thread: only one loads at a time.

    Raises:
        ModelUnavailable: they cannot be loaded.
    """
    model = entry.info.id
    # While they build a model, the libraries change things of the whole process, and put back what they found.
    with _loading:
        started = time.monotonic()
        try:
            checker = read_checker(entry.safety_checker, device)
            pipeline = load_pipeline(entry, device)
            colours = read_latent_colours(entry.source.folder)
        except ProofFailed as error:
            raise ModelUnavailable(model, f"its safety checker cannot be trusted: {error}") from error
        except Exception as error:
            _log.exception("%s could not be loaded", model)
            raise ModelUnavailable(model, one_line(error)) from error
        _log.info("loaded %s in %.1f s", model, time.monotonic() - started)
    return Parts(pipeline, checker, colours)


def load_pipeline(entry: ModelEntry, device: Device) -> Any:
    """Load a model's `StableDiffusionPipeline` from safetensors files onto a device, in the device's number type."""
    source = entry.source
    pipeline = StableDiffusionPipeline.from_pretrained(
        source.folder or source.hub,
        revision=source.revision,
        local_files_only=source.folder is not None,
        dtype=device.dtype,
        use_safetensors=True,
        low_cpu_mem_usage=True,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(device.where)
    for part in (pipeline.unet, pipeline.vae):
        part.to(memory_format=device.memory_format)
    return pipeline
