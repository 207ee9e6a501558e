"""What the UNet is told of an image beside its latents and timestep, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Added:
    """What SDXL's UNet adds to the embedding of the timestep.

    Args:
        text_embeds: (rows, features), the pooled output of the second text encoder.
        time_ids: (rows, 6): original height and width, top and left of the crop, target height and width, in pixels.
    """

    text_embeds: Tensor
    time_ids: Tensor


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The rows of an image, or of a whole UNet call.

    Args:
        context: (rows, tokens, features), from the text encoders.
        added: None for Stable Diffusion 1.x and 2.x.
    """

    context: Tensor
    added: Added | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.context)

    def __getitem__(self, rows: slice) -> Conditioning:
        """Return some of the rows."""
        added = self.added and Added(self.added.text_embeds[rows], self.added.time_ids[rows])
        return Conditioning(self.context[rows], added)

    def to(self, where: torch.device) -> Conditioning:
        """Return the same on a device."""
        added = self.added and Added(self.added.text_embeds.to(where), self.added.time_ids.to(where))
        return Conditioning(self.context.to(where), added)

    def arguments(self) -> dict[str, Any]:
        """Return the UNet's arguments."""
        if self.added is None:
            return {"encoder_hidden_states": self.context}
        added = {"text_embeds": self.added.text_embeds, "time_ids": self.added.time_ids}
        return {"encoder_hidden_states": self.context, "added_cond_kwargs": added}


def join(parts: Sequence[Conditioning]) -> Conditioning:
    """Return the rows of all parts, which are of one model and one number of tokens."""
    context = torch.cat([part.context for part in parts])
    added = [part.added for part in parts if part.added is not None]
    if not added:
        return Conditioning(context)
    text_embeds = torch.cat([part.text_embeds for part in added])
    return Conditioning(context, Added(text_embeds, torch.cat([part.time_ids for part in added])))
