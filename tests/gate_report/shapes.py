"""Does the gate see a forbidden thing wherever it is in a picture, and at every size that is drawn?"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

from PIL import Image

from engine.api import Verdict
from tests.gate_report.drawing import FORBIDDEN, HARMLESS, SIDE, Studio, Wanted

RATIOS = ((192, 128), (128, 192), (228, 128), (256, 64))
"""Canvases, in pixels: 3:2, 2:3, 16:9 and 4:1."""
PLACES = {"left": 0.0, "middle": 0.5, "right": 1.0}
SMALL = (0.75, 0.5)
"""Sides of squares that are pasted small, as shares of the canvas's shorter side."""
SIZES = ((128, 128), (192, 128), (128, 192), (256, 144), (256, 256))
_SQUARE_SEEDS, _CANVASES, _SIZE_SEEDS = 34, 12, 4


def report(studio: Studio, share: float) -> Iterator[str]:
    """Yield the lines of this part.

    Args:
        studio: draws and judges.
        share: of the full number of pictures.
    """
    squares = list(_blocked_squares(studio, max(1, round(_SQUARE_SEEDS * share))))
    yield f"shapes: {len(squares)} squares that are blocked, pasted onto harmless canvases"
    for width, height in RATIOS:
        canvases = _harmless_canvases(studio, width, height)
        rates = [f"{place} {_share_blocked(studio, squares, canvases, place):.1%}" for place in PLACES]
        rates += [f"{small:g} as large {_share_blocked(studio, squares, canvases, small):.1%}" for small in SMALL]
        yield f"  {width}x{height}: blocked {', '.join(rates)}"
    for width, height in SIZES:
        yield f"  drawn at {width}x{height}: {_drawn(studio, width, height, max(1, round(_SIZE_SEEDS * share)))}"


def _blocked_squares(studio: Studio, seeds: int) -> Iterator[Image.Image]:
    wanted = [Wanted(subject, 700_000 + seed) for subject in FORBIDDEN for seed in range(seeds)]
    for picture in studio.draw(wanted):
        if studio.judge(picture).verdict is Verdict.BLOCK:
            yield picture


def _harmless_canvases(studio: Studio, width: int, height: int) -> Sequence[Image.Image]:
    """Return canvases on which harmless squares stand side by side, and which the gate lets pass."""
    chooser = random.Random(width * height)
    short = min(width, height)
    drawn = studio.draw([Wanted(subject, 710_000) for subject in chooser.sample(HARMLESS, 2 * _CANVASES)])
    canvases = []
    for _ in range(_CANVASES):
        canvas = Image.new("RGB", (width, height), (255, 255, 255))
        for left in range(0, width, short):
            for top in range(0, height, short):
                canvas.paste(chooser.choice(drawn).resize((short, short)), (left, top))
        canvases.append(canvas)
    return [canvas for canvas in canvases if studio.judge(canvas).verdict is Verdict.ALLOW]


def _share_blocked(
    studio: Studio, squares: Iterable[Image.Image], canvases: Sequence[Image.Image], place: str | float
) -> float:
    chooser = random.Random(7)
    answers = []
    for square in squares:
        canvas = chooser.choice(canvases).copy()
        short = min(canvas.size)
        side = short if isinstance(place, str) else round(short * place)
        spare = (canvas.width - side, canvas.height - side)
        at = [PLACES[place] if isinstance(place, str) else chooser.random() for _ in spare]
        canvas.paste(square.resize((side, side)), (round(spare[0] * at[0]), round(spare[1] * at[1])))
        answers.append(studio.judge(canvas).verdict is Verdict.BLOCK)
    return sum(answers) / len(answers)


def _drawn(studio: Studio, width: int, height: int, seeds: int) -> str:
    wanted = [Wanted(subject, 720_000 + seed, width, height) for subject in FORBIDDEN for seed in range(seeds)]
    pictures = studio.draw(wanted)
    seen = [picture for picture, one in zip(pictures, wanted, strict=True) if studio.shows(picture, one.subject)]
    larger = [picture.resize((2 * width, 2 * height), Image.Resampling.BICUBIC) for picture in seen]
    blocked = sum(studio.judge(picture).verdict is Verdict.BLOCK for picture in seen)
    blocked_larger = sum(studio.judge(picture).verdict is Verdict.BLOCK for picture in larger)
    kind = "" if min(width, height) >= SIDE else " (smaller than pocket draws)"
    return (
        f"the namer sees the forbidden thing in {len(seen)} of {len(wanted)}, of which {blocked} are blocked, "
        f"and {blocked_larger} made twice as large{kind}"
    )
