"""Do previews show what the finished picture is held back for, and are there any of what is allowed?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from PIL import Image

from engine.api import Verdict
from engine.encoding import decode_picture
from engine.worker.sampling.batch import ImageState
from engine.worker.sampling.drafts import Unfinished
from engine.worker.sampling.previews import Previews, may_be_shown, preview_due
from tests.gate_report.drawing import FORBIDDEN, HARMLESS, STEPS, Studio, Wanted

SIZES = ((128, 128), (192, 128), (128, 192))
SCHEDULERS = ("DPM++ 2M", "Euler a", "DDIM", "DPM++ SDE")
_FORBIDDEN_SEEDS, _HARMLESS_PICTURES = 20, 40
_TOGETHER = 24


@dataclass(slots=True)
class Watched:
    """One picture's previews: each with the step that it is of."""

    previews: Previews
    shown: list[tuple[int, Image.Image]] = field(default_factory=list)


def report(studio: Studio, share: float) -> Iterator[str]:
    """Yield the lines of this part.

    Args:
        studio: draws and judges.
        share: of the full number of pictures.
    """
    seeds, harmless = max(1, round(_FORBIDDEN_SEEDS * share)), max(1, round(_HARMLESS_PICTURES * share))
    yield f"previews: pictures of {STEPS} steps, one job each"
    totals = [0, 0, 0, 0]
    for scheduler in SCHEDULERS:
        counts = [0, 0, 0, 0]
        for width, height in SIZES:
            wanted = [
                Wanted(subject, 740_000 + seed, width, height, scheduler)
                for subject in FORBIDDEN
                for seed in range(seeds)
            ]
            step = len(HARMLESS) / harmless
            wanted += [Wanted(HARMLESS[int(n * step)], 750_000, width, height, scheduler) for n in range(harmless)]
            for first in range(0, len(wanted), _TOGETHER):
                _count(studio, wanted[first : first + _TOGETHER], counts)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        yield f"  {scheduler}: {_sentence(counts)}"
    yield f"  together: {_sentence(totals)}"


def _count(studio: Studio, wanted: Sequence[Wanted], counts: list[int]) -> None:
    """Add blocked pictures, those whose thing a preview showed, allowed ones, and those with two previews."""
    pictures, watched = _watch(studio, wanted)
    for one, picture, its in zip(wanted, pictures, watched, strict=True):
        if studio.judge(picture).verdict is Verdict.BLOCK:
            counts[0] += 1
            counts[1] += any(studio.shows(preview, one.subject) for _, preview in its.shown)
        elif not one.subject.blocked:
            counts[2] += 1
            counts[3] += len(its.shown) >= 2 and its.shown[0][0] <= STEPS / 2


def _watch(studio: Studio, wanted: Sequence[Wanted]) -> tuple[list[Image.Image], list[Watched]]:
    watched = [Watched(Previews(1, studio.model.pipeline.vae, studio.gate)) for _ in wanted]

    def seen(index: int, drawing: ImageState) -> None:
        """Do what a worker does after a step, at once."""
        its = watched[index]
        if its.previews.over or not preview_due(drawing.step, drawing.steps):
            return
        drafts = may_be_shown(drawing.step, drawing.steps)
        preview = its.previews.look(drawing.step, [Unfinished.of(drawing)], drafts=drafts)
        if preview and preview.picture:
            its.shown.append((preview.step, decode_picture(preview.picture.data)))

    return studio.draw(wanted, STEPS, seen), watched


def _sentence(counts: Sequence[int]) -> str:
    blocked, leaked, allowed, twice = counts
    return (
        f"of {blocked} blocked pictures {leaked} had a preview in which the namer sees the thing; "
        f"of {allowed} allowed ones {twice} ({twice / max(1, allowed):.0%}) showed two, the first by half time"
    )
