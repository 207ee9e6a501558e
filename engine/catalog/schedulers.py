"""Noise schedulers by the names people know, as a diffusers class name and what to change in the model's own config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from engine.api import SchedulerInfo

MOST_STEPS = 150


@dataclass(frozen=True, slots=True)
class SchedulerSpec:
    """A noise scheduler on offer.

    Args:
        info: name, trade-off and range of steps.
        class_name: class in `diffusers`.
        changes: config values that replace the model's own in `from_config`.
    """

    info: SchedulerInfo
    class_name: str
    changes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def _spec(
    name: str, class_name: str, note: str, min_steps: int = 1, max_steps: int = MOST_STEPS, **changes: Any
) -> SchedulerSpec:
    return SchedulerSpec(SchedulerInfo(name, note, min_steps, max_steps), class_name, MappingProxyType(changes))


_MULTISTEP, _SINGLESTEP = "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"
_ODE: Mapping[str, Any] = {"algorithm_type": "dpmsolver++", "solver_order": 2}
_SDE: Mapping[str, Any] = {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}
_SINGLE: Mapping[str, Any] = {**_SDE, "lower_order_final": True}
_KARRAS: Mapping[str, Any] = {"use_karras_sigmas": True}
_EXPONENTIAL: Mapping[str, Any] = {"use_exponential_sigmas": True}

# The least number of steps is the first from which on even a perfect model's picture has at most half more contrast
# than it should (see the test): Heun and DPM2 overshoot in fewer, and DDIM leaves the noise as it is in one. The others
# fade into grey instead. LCM's steps are picked out of the 50 that such models are distilled with.
SCHEDULERS: Mapping[str, SchedulerSpec] = MappingProxyType(
    {
        spec.info.name: spec
        for spec in (
            _spec("DPM++ 2M", _MULTISTEP, "sharp in 20 to 30 steps; a good default", **_ODE),
            _spec("DPM++ 2M Karras", _MULTISTEP, "finer detail in few steps", **_ODE, **_KARRAS),
            _spec(
                "DPM++ 2M Exponential",
                _MULTISTEP,
                "smooth backgrounds in few steps",
                **_ODE,
                use_exponential_sigmas=True,
            ),
            _spec("DPM++ 2M SDE", _MULTISTEP, "richer texture; wants 25 steps or more", **_SDE),
            _spec("DPM++ 2M SDE Karras", _MULTISTEP, "rich texture, fine detail; 25 steps or more", **_SDE, **_KARRAS),
            _spec("DPM++ SDE", _SINGLESTEP, "soft and painterly; more steps change the picture", **_SINGLE),
            _spec("DPM++ SDE Karras", _SINGLESTEP, "soft, finer detail; more steps change it", **_SINGLE, **_KARRAS),
            _spec("Euler", "EulerDiscreteScheduler", "simple and steady"),
            _spec("Euler a", "EulerAncestralDiscreteScheduler", "adds noise at each step; livelier"),
            _spec("Heun", "HeunDiscreteScheduler", "more exact, takes twice as long", min_steps=4),
            _spec("DDIM", "DDIMScheduler", "the classic; likes 30 steps or more", min_steps=2),
            _spec("UniPC", "UniPCMultistepScheduler", "good in 10 to 20 steps"),
            _spec("LMS", "LMSDiscreteScheduler", "an early one; steady from 20 steps"),
            _spec("LMS Karras", "LMSDiscreteScheduler", "an early one, with finer detail", **_KARRAS),
            _spec("DPM2", "KDPM2DiscreteScheduler", "exact, takes twice as long", min_steps=5),
            _spec("DPM2 a", "KDPM2AncestralDiscreteScheduler", "lively and exact, takes twice as long", min_steps=7),
            _spec("LCM", "LCMScheduler", "4 to 8 steps with an LCM model or LoRA; others turn out soft", max_steps=50),
        )
    }
)
"""At most 25: that is how many Discord shows."""
