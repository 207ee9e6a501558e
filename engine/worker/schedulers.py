"""Noise schedulers by name, built on a model's own schedule."""

from __future__ import annotations

from typing import Any

import diffusers

from engine.api import UnknownScheduler
from engine.catalog import SCHEDULERS


def build_scheduler(name: str, config: Any, steps: int) -> Any:
    """Return a fresh noise scheduler with its timesteps set, all its tables on the CPU.

    Args:
        name: as people know it, e.g. "DPM++ 2M".
        config: the model's own scheduler config; what the name does not change is kept, prediction_type above all.
        steps: num_inference_steps; `timesteps` may hold more (Heun: 2 * steps - 1).

    Raises:
        UnknownScheduler: no noise scheduler has this name.
    """
    spec = SCHEDULERS.get(name)
    if spec is None:
        raise UnknownScheduler(name, tuple(SCHEDULERS))
    scheduler = getattr(diffusers, spec.class_name).from_config(config, **spec.changes)
    scheduler.set_timesteps(steps, device="cpu")
    return scheduler
