"""Presets: how much time a picture may take, as steps, noise scheduler and size of the model that draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from engine.api import ModelInfo, SchedulerInfo, Size


class Preset(StrEnum):
    """A choice between speed and detail."""

    DRAFT = "draft"
    STANDARD = "standard"
    QUALITY = "quality"


_STEPS: Mapping[Preset, float] = MappingProxyType({Preset.DRAFT: 0.5, Preset.STANDARD: 1.0, Preset.QUALITY: 1.6})
# With fewer steps than these noise schedulers like, or with more than they use, the model's own is the better choice.
_SCHEDULERS: Mapping[Preset, tuple[str, range]] = MappingProxyType(
    {Preset.DRAFT: ("UniPC", range(10, 21)), Preset.QUALITY: ("DPM++ 2M SDE Karras", range(25, 151))}
)


def preset_size(info: ModelInfo, preset: Preset, largest_side: int, picture: tuple[int, int] | None = None) -> Size:
    """Return the model's first size within the limit; for a draft, the smallest of the same shape.

    Args:
        info: the model that draws.
        preset: the preset.
        largest_side: pixels that no side may pass; the model's first size if none of its sizes keeps to it.
        picture: width and height of what to start from; the first of the sizes most like it in shape then.
    """
    allowed = [size for size in info.sizes if max(size.width, size.height) <= largest_side] or [info.sizes[0]]
    first = allowed[0] if picture is None else min(allowed, key=lambda size: _unlike(size, *picture))
    if preset is not Preset.DRAFT:
        return first
    same_shape = [size for size in allowed if size.width * first.height == size.height * first.width]
    return min(same_shape, key=lambda size: size.width)


def _unlike(size: Size, width: int, height: int) -> float:
    """Return how far a size is from another in shape, 0.0 for the same."""
    return round(abs(math.log(size.width * height / (size.height * width))), 6)


def preset_steps(info: ModelInfo, preset: Preset, scheduler: str | None, most_steps: int) -> int:
    """Return the preset's steps, or the nearest to them that model, noise scheduler and limit allow.

    Args:
        info: the model that draws.
        preset: the preset.
        scheduler: the noise scheduler asked for; None for the model's own.
        most_steps: the member's limit.
    """
    chosen = _named(info.schedulers, scheduler or info.scheduler)
    low = max(info.min_steps, chosen.min_steps if chosen else 1)
    high = min(info.max_steps, most_steps, chosen.max_steps if chosen else most_steps)
    return max(low, min(round(info.steps * _STEPS[preset]), high))


def preset_scheduler(info: ModelInfo, preset: Preset, steps: int) -> str:
    """Return the preset's noise scheduler if the model offers it and the steps suit it, else the model's own."""
    name, suited = _SCHEDULERS.get(preset, (info.scheduler, range(0)))
    return name if steps in suited and _named(info.schedulers, name) else info.scheduler


def _named(schedulers: Sequence[SchedulerInfo], name: str) -> SchedulerInfo | None:
    return next((each for each in schedulers if each.name == name), None)
