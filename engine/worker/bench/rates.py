"""How many rows a second the UNet does alone: the machine's row ceiling."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from engine.worker.device import Device
from engine.worker.seeds import seeded

FEW, MANY = 2, 16
FEWEST_PAIRS = 3


@torch.no_grad()
def row_ceiling(pipeline: Any, device: Device, width: int, height: int, seconds: float) -> float:
    """Return rows per second in calls of MANY over rows per second in calls of FEW.

    Calls of both sizes alternate, and the median of the ratios of neighbours is taken, so that whatever else the
    machine does weighs on both.

    Args:
        pipeline: the model's.
        device: what it is on.
        width, height: of the pictures, in pixels.
        seconds: how long to measure; at least FEWEST_PAIRS pairs are.
    """
    many = _call(pipeline, device, width, height, MANY)
    few = _call(pipeline, device, width, height, FEW)
    for warm_up in (few, many):
        warm_up()
    ratios: list[float] = []
    until_s = time.monotonic() + seconds
    while len(ratios) < FEWEST_PAIRS or time.monotonic() < until_s:
        # As many rows in small calls as in the large one: both then last long enough to be compared.
        few_s = sum(_timed(few, device) for _ in range(MANY // FEW))
        ratios.append(few_s / _timed(many, device))
    return median(ratios)


def _call(pipeline: Any, device: Device, width: int, height: int, rows: int) -> Callable[[], Any]:
    unet, scale, generator = pipeline.unet, pipeline.vae_scale_factor, seeded(0)
    samples = torch.randn(rows, unet.config.in_channels, height // scale, width // scale, generator=generator)
    contexts = torch.randn(rows, pipeline.tokenizer.model_max_length, unet.config.cross_attention_dim)
    samples, contexts = (rows.to(device.where, device.dtype) for rows in (samples, contexts))
    times = torch.full((rows,), 500.0, device=device.where)
    return lambda: unet(samples, times, encoder_hidden_states=contexts, return_dict=False)


def _timed(call: Callable[[], Any], device: Device) -> float:
    started = time.perf_counter()
    call()
    if device.where.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
