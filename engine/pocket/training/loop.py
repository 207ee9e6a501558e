"""Run one part of the training for a given time, so that it can be cut off and go on."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch

SAVE_EVERY_SECONDS = 120.0
SHOW_EVERY_SECONDS = 480.0
REPORT_EVERY_STEPS = 50
WARMUP_STEPS = 100


class Part(Protocol):
    """Something that learns in steps. Its random choices depend on the step alone, so a resumed run repeats them."""

    def learn(self, step: int, progress: float) -> dict[str, float]:
        """Take one optimiser step at this share (0 to 1) of the planned time; return the figures to report."""

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on, as tensors and plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""

    def show(self, path: Path) -> None:
        """Write a sample sheet (PNG) of what it can do now."""


def run(part: Part, folder: Path, seconds: float, clock: Callable[[], float] = time.monotonic) -> int:
    """Train a part until its time is used up, resuming from and saving to its folder.

    Args:
        part: what learns.
        folder: where checkpoint, log and sample sheets go; one folder per part.
        seconds: the part's whole time, earlier runs included.
        clock: seconds that pass; a counter makes a run repeatable.

    Returns:
        The number of steps taken in all runs together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    step, spent = resume(part, folder)
    if finished(folder):
        return step
    # A cut-off run has used its time too: the clock is counted from the saved share.
    begun = clock() - spent
    saved = shown = reported = clock()
    sums: dict[str, float] = {}
    summed = 0
    while (spent := clock() - begun) < seconds:
        for name, value in part.learn(step, spent / seconds).items():
            sums[name] = sums.get(name, 0.0) + value
        step, summed = step + 1, summed + 1
        if step % REPORT_EVERY_STEPS == 0:
            pace = {"steps_a_second": summed / (clock() - reported)}
            _report(folder, step, spent, pace | {name: value / summed for name, value in sums.items()})
            sums, summed, reported = {}, 0, clock()
        if clock() - saved > SAVE_EVERY_SECONDS:
            _save(part, folder, step, spent)
            saved = clock()
        if clock() - shown > SHOW_EVERY_SECONDS:
            part.show(folder / "samples.png")
            shown = clock()
    _save(part, folder, step, spent)
    part.show(folder / "samples.png")
    (folder / "finished").touch()
    return step


def finished(folder: Path) -> bool:
    """Whether the part that lives in this folder has used up its time."""
    return (folder / "finished").exists()


def resume(part: Part, folder: Path) -> tuple[int, float]:
    """Load a part's checkpoint, if there is one, and return the steps taken and the seconds spent."""
    if not (folder / "checkpoint.pt").exists():
        return 0, 0.0
    saved = torch.load(folder / "checkpoint.pt", map_location="cpu", weights_only=True)
    part.load_state_dict(saved["part"])
    return saved["step"], saved["spent"]


def rate_share(step: int, progress: float, hold: float = 0.0) -> float:
    """The share of the full learning rate: a short warm-up, full until `hold`, then half a cosine down to 2 %."""
    falling = max(0.0, min(1.0, (progress - hold) / (1.0 - hold)))
    return min(1.0, (step + 1) / WARMUP_STEPS) * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * falling)))


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set one learning rate for all parameters."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def _save(part: Part, folder: Path, step: int, spent: float) -> None:
    torch.save({"step": step, "spent": spent, "part": part.state_dict()}, folder / "checkpoint.part")
    os.replace(folder / "checkpoint.part", folder / "checkpoint.pt")


def _report(folder: Path, step: int, spent: float, figures: dict[str, float]) -> None:
    line = {"step": step, "seconds": round(spent, 1), **{name: round(value, 5) for name, value in figures.items()}}
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    print(folder.name, " ".join(f"{name} {value}" for name, value in line.items()), flush=True)
