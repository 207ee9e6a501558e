"""Where a picture lies in a frame that is larger than it, or that it is moved out of: what is around is drawn new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WHOLE_LATENT = 8  # pixels of one latent in every family, so that no latent is half old and half new
_FURTHEST = 16384

Direction = Literal["left", "right", "up", "down"]
_TOWARDS: dict[str, tuple[int, int]] = {"left": (1, 0), "right": (-1, 0), "up": (0, 1), "down": (0, -1)}


@dataclass(frozen=True, slots=True)
class Placement:
    """A picture's place in the frame, in pixels of the frame.

    Args:
        left, top: of its upper left corner; below 0 where it lies outside.
        width, height: that it is brought to, cropped from its middle if they are of another shape.
    """

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        for name in ("left", "top", "width", "height"):
            value, low = getattr(self, name), 1 if name in ("width", "height") else -_FURTHEST
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= _FURTHEST:
                raise ValueError(f"{name} must be a whole number between {low} and {_FURTHEST}, not {value!r}")


def zoomed_out(width: int, height: int, factor: float) -> Placement:
    """Return a picture's place in the middle of its own frame, about `factor` times smaller, in whole latents."""
    left, top = (round(side * (1.0 - 1.0 / factor) / (2 * WHOLE_LATENT)) * WHOLE_LATENT for side in (width, height))
    return Placement(left, top, width - 2 * left, height - 2 * top)


def panned(width: int, height: int, direction: Direction) -> Placement:
    """Return a picture's place after its frame has moved by half of itself, in whole latents."""
    across, down = _TOWARDS[direction]
    half_width, half_height = (side // (2 * WHOLE_LATENT) * WHOLE_LATENT for side in (width, height))
    return Placement(across * half_width, down * half_height, width, height)
