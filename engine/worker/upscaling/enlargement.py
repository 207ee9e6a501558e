"""One picture that is made larger, on a service thread of its own while the step thread draws."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from PIL import Image

from engine.api import Recipe
from engine.worker.upscaling.upscalers import LoadedUpscaler


@dataclass(slots=True, eq=False)
class Enlargement:
    """A picture and what is to make it larger.

    Args:
        picture: RGB, allowed by the gate.
        recipe: says how large.
        upscaler: makes it so.
        under_way: whether the service thread is not done with it; owned by the step thread.
        unwanted: set by the step thread when the job is over meanwhile.
    """

    picture: Image.Image
    recipe: Recipe
    upscaler: LoadedUpscaler
    under_way: bool = False
    unwanted: threading.Event = field(default_factory=threading.Event)
