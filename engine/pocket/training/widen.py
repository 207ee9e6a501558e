"""Make a trained VAE wider without changing what it computes, so that its decoder can learn finer things."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor

_UNLIKE = 0.02
"""Spread of what tells a decoder's doubled channels apart, as a share of each weight."""


@torch.no_grad()
def widened(narrow: AutoencoderKL, channels: tuple[int, ...]) -> AutoencoderKL:
    """A VAE of more channels with the same latents and, to begin with, nearly the same pictures.

    Each channel is repeated, and what reads it divides its weight among the copies. The norms' groups keep their
    statistics, because copies lie beside each other. The encoder stays as it was, to the rounding; the decoder's
    copies are made a little different, or they would learn the same for ever.

    Args:
        narrow: a trained VAE.
        channels: widths of its levels; each a whole multiple of what it was.
    """
    torch.manual_seed(10)
    wide = AutoencoderKL.from_config({**narrow.config, "block_out_channels": channels})
    old = narrow.state_dict()
    fresh = {name: _repeated(old[name], weight.shape, name) for name, weight in wide.state_dict().items()}
    wide.load_state_dict(fresh)
    return wide.to(memory_format=torch.channels_last)


def _repeated(weight: Tensor, shape: torch.Size, name: str) -> Tensor:
    for side in range(min(2, weight.dim())):
        times = shape[side] // weight.shape[side]
        if weight.shape[side] * times != shape[side]:
            raise ValueError(f"{name} of {tuple(weight.shape)} cannot be repeated to {tuple(shape)}")
        weight = weight.repeat_interleave(times, dim=side) / (times if side == 1 else 1)
    if name.startswith("decoder") and weight.dim() == 4:
        weight = weight * (1 + _UNLIKE * torch.randn_like(weight))
    return weight.contiguous()
