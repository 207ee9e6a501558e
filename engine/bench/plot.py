"""A contest as a picture: latency over load, and speed with all requests there from the start."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from PIL import Image, ImageDraw, ImageFont

from engine.bench.contest import Contest
from engine.wire.contenders import Contender

WIDTH, HEIGHT = 900, 380
_LEFT, _TOP, _BOTTOM = 60, 56, 44
_PANEL = 470
_INK, _GRID, _PAPER = (40, 42, 48), (222, 224, 228), (255, 255, 255)
_COLOURS = {
    Contender.SEQUENTIAL: (130, 134, 142),
    Contender.STATIC_STRICT: (196, 132, 60),
    Contender.STATIC_STEPS: (214, 178, 80),
    Contender.FAST: (70, 130, 200),
    Contender.EXACT: (40, 150, 110),
}


def draw_plot(contests: Sequence[Contest], path: Path) -> None:
    """Write a PNG with one row for each model.

    Args:
        contests: what was measured.
        path: of the file.
    """
    picture = Image.new("RGB", (WIDTH, HEIGHT * len(contests)), _PAPER)
    draw = ImageDraw.Draw(picture)
    for number, contest in enumerate(contests):
        _Row(draw, contest, HEIGHT * number).draw_all()
    picture.save(path, "PNG")


class _Row:
    def __init__(self, draw: ImageDraw.ImageDraw, contest: Contest, top: int) -> None:
        self._draw = draw
        self._contest = contest
        self._top = top + _TOP
        self._bottom = top + HEIGHT - _BOTTOM
        self._large, self._small = ImageFont.load_default(15), ImageFont.load_default(12)

    def draw_all(self) -> None:
        self._text(_LEFT, self._top - 44, f"{self._contest.model}: p95 latency in seconds by load (log scale)", True)
        self._latencies()
        self._text(_PANEL + 110, self._top - 44, "images/s, all requests at once", True)
        self._bars()

    def _latencies(self) -> None:
        loads = self._contest.loads
        values = [each.p95_s for by_name in loads.values() for each in by_name.values()]
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        high = max(high, low + 1)

        def y(value: float) -> float:
            return self._bottom - (math.log10(value) - low) / (high - low) * (self._bottom - self._top)

        def x(load: float) -> float:
            return _LEFT + load / max(loads) * (_PANEL - _LEFT)

        for power in range(low, high + 1):
            self._draw.line((_LEFT, y(10.0**power), _PANEL, y(10.0**power)), fill=_GRID)
            self._text(8, y(10.0**power) - 7, f"{10.0**power:g}")
        for load in loads:
            self._text(x(load) - 10, self._bottom + 8, f"{load:g}x")
        for contender in Contender:
            self._line(contender, x, y)

    def _line(self, contender: Contender, x: Callable[[float], float], y: Callable[[float], float]) -> None:
        colour = _COLOURS[contender]
        points = [(x(load), y(by_name[contender].p95_s)) for load, by_name in self._contest.loads.items()]
        self._draw.line(points, fill=colour, width=3)
        for across, down in points:
            self._draw.ellipse((across - 4, down - 4, across + 4, down + 4), fill=colour)

    def _bars(self) -> None:
        speeds = {each: median(run.images_per_s for run in self._contest.rounds[each]) for each in Contender}
        left, right = _PANEL + 110, WIDTH - 70
        pitch = (self._bottom - self._top) / len(speeds)
        for number, (contender, speed) in enumerate(speeds.items()):
            top = self._top + number * pitch
            length = speed / max(speeds.values()) * (right - left)
            self._draw.rectangle((left, top + 18, left + length, top + pitch - 8), fill=_COLOURS[contender])
            self._text(left, top, contender)
            self._text(left + length + 6, top + pitch / 2, f"{speed:.2f}")

    def _text(self, x: float, y: float, text: str, large: bool = False) -> None:
        self._draw.text((x, y), text, fill=_INK, font=self._large if large else self._small)
