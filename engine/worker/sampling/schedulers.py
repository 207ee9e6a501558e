"""Noise schedulers by name, built on a model's own schedule."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from typing import Any

import diffusers
from torch import Tensor

from engine.api import UnknownScheduler
from engine.catalog import SCHEDULERS

_BUILT = 64
"""Schedulers kept: KDPM2 takes a tenth of a second or more to build, a copy well under a millisecond."""


class _SteadyLCM(diffusers.LCMScheduler):  # type: ignore[misc]
    """LCM in float32, whatever torch's default type is: loading a model changes that for a moment, for all threads."""

    def get_scalings_for_boundary_condition_discrete(self, timestep: Tensor) -> tuple[Tensor, Tensor]:
        return super().get_scalings_for_boundary_condition_discrete(timestep.float())  # type: ignore[no-any-return]


_OWN = {"LCMScheduler": _SteadyLCM}


def build_scheduler(name: str, config: Any, steps: int) -> Any:
    """Return a fresh noise scheduler with its timesteps set, all its tables on the CPU.

    Args:
        name: as people know it, e.g. "DPM++ 2M".
        config: the model's own scheduler config; what the name does not change is kept, prediction_type above all.
        steps: num_inference_steps; `timesteps` may hold more (Heun: 2 * steps - 1).

    Raises:
        UnknownScheduler: no noise scheduler has this name.
    """
    if name not in SCHEDULERS:
        raise UnknownScheduler(name, tuple(SCHEDULERS))
    return copy.deepcopy(_build(name, json.dumps(dict(config), sort_keys=True), steps))


@lru_cache(maxsize=_BUILT)
def _build(name: str, config: str, steps: int) -> Any:
    spec = SCHEDULERS[name]
    made = _OWN.get(spec.class_name) or getattr(diffusers, spec.class_name)
    scheduler = made.from_config(json.loads(config), **spec.changes)
    scheduler.set_timesteps(steps, device="cpu")
    return scheduler
