"""How many rows a second the UNet does alone: the machine's row ceiling."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from engine.api import Recipe
from engine.worker.conditioning.prompts import encode_prompts
from engine.worker.conditioning.rows import join
from engine.worker.runtime.device import Device
from engine.worker.sampling.seeds import seeded

FEW, MANY = 2, 16
FEWEST_PAIRS = 3


@torch.no_grad()
def row_ceiling(pipeline: Any, device: Device, recipe: Recipe, seconds: float) -> float:
    """Return rows per second in calls of MANY over rows per second in calls of FEW.

    Calls of both sizes alternate, and the median of the ratios of neighbours is taken, so that whatever else the
    machine does weighs on both.

    Args:
        pipeline: the model's.
        device: what it is on.
        recipe: of a picture, for its size and prompts.
        seconds: how long to measure; at least FEWEST_PAIRS pairs are.
    """
    many = _call(pipeline, device, recipe, MANY)
    few = _call(pipeline, device, recipe, FEW)
    for warm_up in (few, many):
        warm_up()
    ratios: list[float] = []
    until_s = time.monotonic() + seconds
    while len(ratios) < FEWEST_PAIRS or time.monotonic() < until_s:
        # As many rows in small calls as in the large one: both then last long enough to be compared.
        few_s = sum(_timed(few, device) for _ in range(MANY // FEW))
        ratios.append(few_s / _timed(many, device))
    return median(ratios)


def _call(pipeline: Any, device: Device, recipe: Recipe, rows: int) -> Callable[[], Any]:
    scale, channels = pipeline.vae_scale_factor, pipeline.unet.config.in_channels
    shape = (rows, channels, recipe.height // scale, recipe.width // scale)
    samples = torch.randn(shape, generator=seeded(0)).to(device.where, device.dtype, memory_format=device.memory_format)
    arguments = join([encode_prompts(pipeline, recipe, exact=True)] * (rows // FEW)).arguments()
    times = torch.full((rows,), 500.0, device=device.where)
    return lambda: pipeline.unet(samples, times, **arguments, return_dict=False)


def _timed(call: Callable[[], Any], device: Device) -> float:
    started = time.perf_counter()
    call()
    if device.where.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
