"""Memory profiles: what is done to a model so that it takes less memory, from free of cost to slow.

Half precision and channels_last are no part of it: a card always has them, a CPU never (`device`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from engine.settings import MemoryProfile
from engine.worker.loading.memory import GB
from engine.worker.runtime.device import Device

MOST_TILE = 512
"""Side of a tile in pixels."""
_DECODE_MAPS = 4
"""Feature maps of full size that live at the widest place of a VAE's decoder: 3 were counted, 1 is to spare."""
_DECODE_BLOCK = 1
"""Index of the block whose width those maps have."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MemorySaving:
    """What is done to a model.

    Args:
        name: as in the settings.
        slices_vae: decodes one picture after the other; changes no bit.
        tiles_vae: decodes a picture in tiles that is larger than one; changes tones a little.
        slices_attention: computes attention one head after the other; changes last bits, and is slower.
        offloads_parts: has one part of the model on the card at a time, and the others in RAM; changes no bit, and is
            slow.
    """

    name: MemoryProfile
    slices_vae: bool = False
    tiles_vae: bool = False
    slices_attention: bool = False
    offloads_parts: bool = False

    def on(self, device: Device, own_memory: bool) -> MemorySaving:
        """Return what of it makes sense: without memory of its own a device has nothing to take turns with.

        And what is exact on a CPU must be the stock pipeline's picture.
        """
        turns = self.offloads_parts and own_memory
        if device.where.type == "cpu" and device.service == "exact":
            return replace(self, tiles_vae=False, slices_attention=False, offloads_parts=turns)
        return replace(self, offloads_parts=turns)

    def apply(self, pipeline: Any) -> None:
        """Do what works on a pipeline where it lies; its parts take turns by `turns.Turns`."""
        if self.slices_vae:
            pipeline.vae.enable_slicing()
        if self.tiles_vae:
            _tile(pipeline.vae)
        if self.slices_attention:
            pipeline.unet.set_attention_slice("max")


HIGH = MemorySaving("high")
BALANCED = MemorySaving("balanced", slices_vae=True, tiles_vae=True)
LOW = MemorySaving("low", slices_vae=True, tiles_vae=True, slices_attention=True, offloads_parts=True)
PROFILES = {profile.name: profile for profile in (HIGH, BALANCED, LOW)}


@dataclass(frozen=True, slots=True)
class Need:
    """What a model needs, in bytes.

    Args:
        weights: all its tensors.
        decode: to decode its largest offered picture at once.
    """

    weights: int
    decode: int


def _tile(vae: Any) -> None:
    """Let a VAE decode in tiles of the size it was trained on, but no larger than what they are to save memory of."""
    vae.enable_tiling()
    scale = vae.tile_sample_min_size // vae.tile_latent_min_size
    vae.tile_sample_min_size = min(vae.tile_sample_min_size, MOST_TILE)
    vae.tile_latent_min_size = vae.tile_sample_min_size // scale


def decode_bytes(vae: Any, pixels: int) -> int:
    """Return what decoding a picture of so many pixels takes, about."""
    width: int = vae.config.block_out_channels[_DECODE_BLOCK]
    return _DECODE_MAPS * width * pixels * int(vae.dtype.itemsize)


def choose(model: str, device: Device, need: Need, free: int, own_memory: bool) -> MemorySaving:
    """Return the profile that the settings name, or on `auto` the fastest that fits; the log has what and why.

    Args:
        model: its id, for the log.
        device: what it is drawn on.
        need: of the model.
        free: bytes of the device that it can have, with all other models gone and the reserve left alone.
        own_memory: whether the device's memory is another than the RAM.
    """
    if device.memory != "auto":
        profile, why = PROFILES[device.memory], "because the settings say so"
    elif not own_memory:
        profile, why = HIGH, "because there is no other memory to spare some for"
    elif need.weights + need.decode <= free:
        profile, why = HIGH, "because all of it fits"
    elif need.weights <= free:
        profile, why = BALANCED, "because its weights fit, but not a large picture beside them"
    else:
        profile, why = LOW, "because its weights do not fit"
    numbers = f"{need.weights / GB:.2f} GB of weights, {need.decode / GB:.2f} GB for a picture, {free / GB:.2f} GB free"
    _log.info("%s has the memory profile %s, %s (%s)", model, profile.name, why, numbers)
    return profile.on(device, own_memory)
