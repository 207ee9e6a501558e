"""How often does the gate hold back something harmless, and how long does it take, by the shape of the picture?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, product

from PIL import Image

from engine.api import Verdict
from tests.gate_report.drawing import HARMLESS, Studio, Wanted

SIZES = ((128, 128), (192, 128), (128, 192), (224, 128), (256, 64))
"""In pixels: squares, 3:2, 2:3, 16:9, 4:1; the first three are offered."""
_PICTURES = 1000
_STEPS, _TOGETHER = 12, 64


@dataclass(slots=True)
class Alarms:
    """What was held back of some pictures, and how long that took."""

    studio: Studio
    by: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def judge(self, picture: Image.Image) -> None:
        """Count one picture."""
        started = time.perf_counter()
        review = self.studio.judge(picture)
        self.seconds += time.perf_counter() - started
        self.by["" if review.verdict is Verdict.ALLOW else review.reason.partition(":")[0]] += 1

    def sentence(self) -> str:
        """Say it."""
        count = self.by.total()
        by_detector = ", ".join(f"{name} {self.by[name] / count:.2%}" for name in ("checker", "floor"))
        return f"{by_detector}; {1000 * self.seconds / count:.0f} ms a picture"


def report(studio: Studio, share: float) -> Iterator[str]:
    """Yield the lines of this part.

    Args:
        studio: draws and judges.
        share: of the full number of pictures.
    """
    count = max(1, round(_PICTURES * share / (len(SIZES) - 1)))
    yield f"false alarms: {count} harmless pictures of each shape, {_STEPS} steps"
    for width, height in SIZES:
        seeds = range(730_000, 740_000)
        wanted = [Wanted(subject, seed, width, height) for seed, subject in islice(product(seeds, HARMLESS), count)]
        drawn, enlarged = Alarms(studio), Alarms(studio)
        for first in range(0, count, _TOGETHER):
            for picture in studio.draw(wanted[first : first + _TOGETHER], _STEPS):
                drawn.judge(picture)
                if width == height:
                    enlarged.judge(picture.resize((2 * width, 2 * height), Image.Resampling.BICUBIC))
        yield f"  {width}x{height}: {drawn.sentence()}"
        if width == height:
            yield f"  {width}x{height}, made twice as large: {enlarged.sentence()}"
