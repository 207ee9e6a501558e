"""The upscalers of a worker: one is loaded for the job that wants it, and leaves with the last such job."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import diffusers
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import Module

from engine.api import Recipe, UnknownUpscaler, UpscalerUnavailable, UpscalerUse, parse_prompt
from engine.catalog import Source
from engine.catalog.checkpoint_inspection import ContentsError
from engine.catalog.upscaler_inspection import X4, UpscalerContents, inspect_upscaler
from engine.catalog.upscalers import UpscalerEntry
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LOADING
from engine.worker.loading.profiles import BALANCED
from engine.worker.loading.weights import count_bytes, count_numbers, modules_of
from engine.worker.runtime.device import Device
from engine.worker.runtime.faults import one_line
from engine.worker.sampling.decoding import WideDecoding, decoded, decoded_wide
from engine.worker.sampling.seeds import seeded
from engine.worker.upscaling.rrdb import RrdbNet, load_rrdb
from engine.worker.upscaling.tiles import Watch, enlarge_in_tiles, reduced

_MULTIPLE = 64
"""Sides of a picture that a pipeline is given are multiples of this many pixels: all its halvings come out even."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Enlarged:
    """What an upscaler made, for the gate.

    Args:
        pixels: (3, height, width), about -1.0 to 1.0.
        latents: what they were decoded from; the pixels themselves where there was nothing else.
    """

    pixels: Tensor
    latents: Tensor


class LoadedUpscaler(Protocol):
    """An upscaler in memory. Used by one thread at a time."""

    def modules(self) -> Sequence[Module]:
        """Return everything that has weights."""
        ...

    def enlarge(self, picture: Image.Image, recipe: Recipe, watch: Watch) -> Enlarged:
        """Make an RGB picture as large as the recipe says."""
        ...


@dataclass(frozen=True, slots=True)
class Network:
    """A network that is shown a picture and answers with a larger one.

    Args:
        network: on its device.
        device: whose number type it has.
    """

    network: RrdbNet
    device: Device

    def modules(self) -> Sequence[Module]:
        """Return everything that has weights."""
        return [self.network]

    @torch.no_grad()
    def enlarge(self, picture: Image.Image, recipe: Recipe, watch: Watch) -> Enlarged:
        """Make an RGB picture as large as the recipe says, tile by tile."""
        assert recipe.upscaler is not None
        unit = torch.from_numpy(np.asarray(picture).astype(np.float32) / 255.0).permute(2, 0, 1)[None]
        larger = enlarge_in_tiles(self._tile, unit, self.network.factor, recipe.upscaler.factor, watch)[0]
        pixels = 2.0 * larger - 1.0
        return Enlarged(pixels, pixels)

    def _tile(self, pixels: Tensor) -> Tensor:
        return self.network(pixels.to(self.device.where, self.device.dtype)).float()  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline of diffusers that draws a picture over at a larger size, as its prompt says.

    Args:
        pipeline: on its device.
        factor: by which it makes sides larger.
    """

    pipeline: Any
    factor: int

    def modules(self) -> Sequence[Module]:
        """Return everything that has weights."""
        return list(modules_of(self.pipeline).values())

    @torch.no_grad()
    def enlarge(self, picture: Image.Image, recipe: Recipe, watch: Watch) -> Enlarged:
        """Make an RGB picture as large as the recipe says; the pipeline's own noise scheduler takes its steps."""
        assert recipe.upscaler is not None
        watch(0, recipe.steps)
        latents = self.pipeline(
            plain_text(recipe.prompt),
            image=_padded(picture),
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance_scale,
            negative_prompt=plain_text(recipe.negative_prompt),
            generator=seeded(recipe.images[0].seed),
            output_type="latent",
            callback=lambda step, timestep, latents: watch(step + 1, recipe.steps),
        ).images
        vae = self.pipeline.vae
        pixels = decoded(vae, latents)
        if not torch.isfinite(pixels).all() and WideDecoding(vae, type(self.pipeline).__name__).may_help(latents):
            pixels = decoded_wide(vae, latents)
        pixels = pixels[:, :, : picture.height * self.factor, : picture.width * self.factor]
        return Enlarged(reduced(pixels, self.factor // recipe.upscaler.factor)[0], latents)


def plain_text(prompt: str) -> str:
    """Return what a prompt says, without its syntax: the pipelines know none."""
    sections = parse_prompt(prompt).sections
    return " ".join("".join(passage.text for passage in section).strip() for section in sections)


def _padded(picture: Image.Image) -> Image.Image:
    """Return a picture whose last pixels are repeated to the right and below, until its sides are multiples."""
    right, below = (-side % _MULTIPLE for side in picture.size)
    if not right and not below:
        return picture
    return Image.fromarray(np.pad(np.asarray(picture), ((0, below), (0, right), (0, 0)), mode="edge"))


class Upscalers:
    """The upscalers in memory. Owned by the thread that prepares jobs.

    Args:
        models: beside which they are in memory.
    """

    def __init__(self, models: ModelCache) -> None:
        self._models = models
        self._entries = models.catalog.upscalers
        self._device = models.device
        self._loaded: dict[str, LoadedUpscaler] = {}
        self._jobs: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Bytes of all their tensors."""
        return sum(count_bytes(each.modules()) for each in self._loaded.values())

    def take(self, use: UpscalerUse) -> LoadedUpscaler:
        """Return the upscaler that a recipe names, for a job that gives it back.

        Raises:
            UnknownUpscaler: the catalogue has none of that name and revision.
            UpscalerUnavailable: its files cannot be used, or there is too little memory for it.
            NoRoom: there is too little memory for it now.
        """
        if use.name not in self._loaded:
            self._loaded[use.name] = self._load(self._entry(use))
            self._models.beside_bytes = self.size
        self._jobs[use.name] = self._jobs.get(use.name, 0) + 1
        return self._loaded[use.name]

    def give_back(self, use: UpscalerUse) -> None:
        """A job does not need the upscaler any more; after the last one it leaves memory."""
        self._jobs[use.name] -= 1
        if not self._jobs[use.name]:
            del self._jobs[use.name], self._loaded[use.name]
            self._models.beside_bytes = self.size

    def _entry(self, use: UpscalerUse) -> UpscalerEntry:
        for entry in self._entries:
            if (entry.upscaler.name, entry.upscaler.revision) == (use.name, use.revision):
                return entry
        raise UnknownUpscaler(use.name, tuple(entry.upscaler.name for entry in self._entries))

    def _load(self, entry: UpscalerEntry) -> LoadedUpscaler:
        name = entry.upscaler.name
        try:
            found = inspect_upscaler(entry)
        except ContentsError as error:
            raise UpscalerUnavailable(name, str(error)) from error
        size = self._device.dtype.itemsize * sum(count_numbers(file) for file in found.files)
        if reason := self._models.claim_beside(size):
            raise UpscalerUnavailable(name, reason)
        try:
            with LOADING:
                return load_upscaler(entry.source, found, self._device)
        except Exception as error:
            if isinstance(error, torch.AcceleratorError):
                raise  # not the upscaler's fault
            _log.exception("the upscaler %s could not be loaded", name)
            raise UpscalerUnavailable(name, one_line(error)) from error


def load_upscaler(source: Source, found: UpscalerContents, device: Device) -> LoadedUpscaler:
    """Load an upscaler from safetensors files onto a device, in the device's number type."""
    if found.plan is not None:
        return Network(load_rrdb(found.files[0], found.plan, device), device)
    # Nothing but the gate judges, out of the pipelines' reach.
    without = {"safety_checker": None, "feature_extractor": None, "watermarker": None} if found.pipeline == X4 else {}
    pipeline = (
        getattr(diffusers, found.pipeline)
        .from_pretrained(
            source.folder,
            variant=source.variant,
            local_files_only=True,
            dtype=device.dtype,
            use_safetensors=True,
            low_cpu_mem_usage=True,
            **without,
        )
        .to(device.where)
    )
    if found.pipeline == X4 and pipeline.vae.config.force_upcast:
        pipeline.vae.to(torch.float32)  # as the stock pipeline decodes
    for part in (pipeline.unet, pipeline.vae):
        part.to(memory_format=device.memory_format)
    pipeline.set_progress_bar_config(disable=True)
    BALANCED.apply(pipeline)
    return Pipeline(pipeline, found.factor)
