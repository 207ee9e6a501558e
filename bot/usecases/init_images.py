"""Pictures to start from: what a member uploaded, checked as far as its header tells."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bot.storage import Store
from engine.api import BadInput, InitImage, OutOfRange, Recipe, measure_picture

STRENGTH = 0.6
MIN_STRENGTH = 0.05


@dataclass(frozen=True, slots=True)
class UploadedInitImage:
    """A picture that was uploaded.

    Args:
        image: the file's bytes.
        strength: how much of the picture is drawn anew, MIN_STRENGTH to 1.0.
        fit: how it comes to the size that is drawn: "crop" or "pad".
        mask: bytes of a picture of the same size, light where it may change; None for everywhere.
    """

    image: bytes
    strength: float = STRENGTH
    fit: str = "crop"
    mask: bytes | None = None

    @property
    def files(self) -> dict[str, bytes]:
        """What was uploaded by its SHA-256."""
        return {_sha256(data): data for data in (self.image, self.mask) if data is not None}

    def measure(self) -> tuple[int, int]:
        """Return the picture's width and height in pixels.

        Raises:
            BadInput: a file cannot be used, or the mask has another size.
            OutOfRange: the strength.
        """
        check_strength(self.strength)
        size = measure_picture(self.image)
        if self.mask is not None and measure_picture(self.mask) != size:
            raise BadInput("mask_size")
        return size

    def init_image(self) -> InitImage:
        """Return what the recipe says of it."""
        mask = "" if self.mask is None else _sha256(self.mask)
        return InitImage(_sha256(self.image), self.strength, self.fit, mask)


def check_strength(strength: float) -> None:
    """Raise OutOfRange unless img2img can have this strength."""
    if not MIN_STRENGTH <= strength <= 1.0:
        raise OutOfRange("strength", strength, MIN_STRENGTH, 1.0)


async def check_files(store: Store, recipe: Recipe) -> None:
    """Raise BadInput if what an old recipe starts from is not there any more, so that nothing waits for it in vain."""
    for sha256 in recipe.init_image.files if recipe.init_image else ():
        if await store.read_start(sha256) is None:
            raise BadInput("missing")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
