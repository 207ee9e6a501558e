"""Noise schedulers by the names people know, as a diffusers class name and what to change in the model's own config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class SchedulerSpec:
    """A noise scheduler on offer.

    Args:
        name: as members type it.
        class_name: class in `diffusers`.
        changes: config values that replace the model's own in `from_config`.
        note: its trade-off in one line.
    """

    name: str
    class_name: str
    changes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    note: str = ""


SCHEDULERS: Mapping[str, SchedulerSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            SchedulerSpec(
                "DPM++ 2M",
                "DPMSolverMultistepScheduler",
                MappingProxyType({"algorithm_type": "dpmsolver++", "solver_order": 2}),
                "sharp in few steps; a good default",
            ),
            SchedulerSpec("Euler", "EulerDiscreteScheduler", note="simple and steady"),
            SchedulerSpec("Euler a", "EulerAncestralDiscreteScheduler", note="adds noise at each step; livelier"),
            SchedulerSpec("DDIM", "DDIMScheduler", note="the classic; likes 30 steps or more"),
            SchedulerSpec("Heun", "HeunDiscreteScheduler", note="more exact, takes twice as long"),
        )
    }
)
