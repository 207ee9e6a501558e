"""Previews: drafts of unfinished images that the gate let pass, and when there is one."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor
from torch.nn import functional

from engine.api import Preview, ReviewedImage
from engine.worker.safety import SafetyGate
from engine.worker.sampling.decoding import decoded

_FIRST_LOOK = 0.1
_DRAFTS = (0.5, 0.7)
"""After which shares of its steps an image is looked at without being shown, and shown as a draft."""
_FEWEST_STEPS = 10
"""Of an image that is looked at: what fewer steps have made of it is not told from what they will."""
_LARGEST_LATENTS = 32
"""Rows or columns of latents that a preview is decoded from at most; larger ones are averaged down to that."""

_log = logging.getLogger(__name__)


def preview_due(step: int, steps: int) -> bool:
    """Say whether to look at an image after `step` of its `steps`."""
    return steps >= _FEWEST_STEPS and step in {math.ceil(share * steps) for share in (_FIRST_LOOK, *_DRAFTS)}


def may_be_shown(step: int, steps: int) -> bool:
    """Say whether a look after `step` is at a draft."""
    return step >= _DRAFTS[0] * steps


class Draftable(Protocol):
    """An image under way; `drafts.Unfinished` is one. Both give finished latents, (1, channels, height, width)."""

    def expected(self) -> Tensor:
        """Return those that the image points at."""

    def draft(self) -> Tensor:
        """Return those of a draft."""


class Previews:
    """The previews of one job. Owned by the service thread that reviews.

    What an unfinished image points at tells people what it will be before a detector sees it. So that is not shown: a
    draft is, which is as clear as a finished picture, so that the gate sees what people see. It is judged more strictly
    than the finished picture, and an image that was held back once is not shown again before it is finished.

    Args:
        images: of the job.
        vae, gate: the model's.
    """

    def __init__(self, images: int, vae: Any, gate: SafetyGate) -> None:
        self._vae = vae
        self._gate = gate
        self._held_back = [False] * images
        self._shown = False
        self._closed = False

    @property
    def over(self) -> bool:
        """Whether there is nothing more to look at."""
        return self._closed or all(self._held_back)

    def close(self) -> None:
        """Look at nothing more, also in a look that is under way. May be called on any thread."""
        self._closed = True

    def look(self, step: int, images: Sequence[Draftable], *, drafts: bool) -> Preview | None:
        """Look at a job's unfinished images, and return what may be shown now; None for nothing new.

        Args:
            step: of the job.
            images: all of them.
            drafts: whether drafts are made, to be shown; otherwise only what the images point at is looked at.
        """
        seen: list[ReviewedImage | None] = []
        for index, image in enumerate(images):
            if self._closed:
                return None
            seen.append(None if self._held_back[index] else self._review(image, drafts))
            self._held_back[index] = seen[index] is None
        if not drafts:
            return None
        if any(seen):
            self._shown = True
            return Preview(step, self._together(seen))
        if self._shown:
            self._shown = False
            return Preview(step, None)
        return None

    def _review(self, image: Draftable, draft: bool) -> ReviewedImage | None:
        latents = reduced(image.draft() if draft else image.expected())
        review = self._gate.review(decoded(self._vae, latents)[0], latents, unfinished=draft)
        if review.fault is not None:
            _log.warning("an image has no more previews, since one could not be judged: %s", review.reason)
        return review.image

    def _together(self, images: Sequence[ReviewedImage | None]) -> ReviewedImage:
        return self._gate.compose(images) if len(images) > 1 else next(image for image in images if image)


def reduced(latents: Tensor) -> Tensor:
    """Return latents, (1, channels, height, width), averaged so that neither side exceeds _LARGEST_LATENTS."""
    longest = max(latents.shape[-2:])
    if longest <= _LARGEST_LATENTS:
        return latents
    size = [max(1, side * _LARGEST_LATENTS // longest) for side in latents.shape[-2:]]
    return functional.interpolate(latents, size=size, mode="area")
