"""How often does the gate hold back something harmless, and how long does it take, by the shape of the picture?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice, product

from engine.api import Verdict
from tests.gate_report.drawing import HARMLESS, Studio, Wanted

SIZES = ((128, 128), (192, 128), (128, 192), (224, 128), (256, 64))
"""In pixels: squares, 3:2, 2:3, 16:9, 4:1; the first three are offered."""
_PICTURES = 1000
_STEPS, _TOGETHER = 12, 64


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
        alarms: Counter[str] = Counter()
        seconds = 0.0
        for first in range(0, count, _TOGETHER):
            for picture in studio.draw(wanted[first : first + _TOGETHER], _STEPS):
                started = time.perf_counter()
                review = studio.judge(picture)
                seconds += time.perf_counter() - started
                if review.verdict is not Verdict.ALLOW:
                    alarms[review.reason.partition(":")[0]] += 1
        by_detector = ", ".join(f"{name} {alarms[name] / count:.2%}" for name in ("checker", "floor"))
        yield f"  {width}x{height}: {by_detector}; {1000 * seconds / count:.0f} ms a picture"
