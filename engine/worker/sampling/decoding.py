"""Decoding in float32 what overflows in half precision."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)
_SETTINGS = ("use_", "tile_")
"""How the names of a VAE's own settings for slices and tiles begin."""

_log = logging.getLogger(__name__)


class WideDecoding:
    """Whether a model's pictures are worth decoding in float32; the log says so once.

    Args:
        vae: the model's.
        model: its id, for the log.
    """

    def __init__(self, vae: Any, model: str) -> None:
        self._vae = vae
        self._model = model
        self._is_told = False

    def may_help(self, latents: Tensor) -> bool:
        """Tell whether latents that were decoded to what is not finite may be finite when decoded in float32."""
        if self._vae.dtype not in HALF or not torch.isfinite(latents).all():
            return False
        if not self._is_told:
            name = str(self._vae.dtype).removeprefix("torch.")
            _log.warning("the VAE of %s overflows in %s: such pictures are decoded in float32", self._model, name)
        self._is_told = True
        return True


@torch.no_grad()
def decoded(vae: Any, latents: Tensor) -> Tensor:
    """Return the pixels of latents in the VAE's own number type."""
    return vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]  # type: ignore[no-any-return]


@torch.no_grad()
def decoded_wide(vae: Any, latents: Tensor) -> Tensor:
    """Return the pixels of latents as a copy of the VAE in float32 decodes them; the copy is gone afterwards.

    The VAE itself stays as it is, because another thread may encode with it.
    """
    with torch.device("meta"):  # its random weights would cost time, and numbers of torch's generator
        copy = type(vae).from_config(vae.config)
    tensors = {name: tensor.to(latents.device, torch.float32) for name, tensor in vae.state_dict().items()}
    copy.load_state_dict(tensors, assign=True)
    vars(copy).update({name: value for name, value in vars(vae).items() if name.startswith(_SETTINGS)})
    return decoded(copy.eval(), latents)
