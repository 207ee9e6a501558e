"""A part that is cut off goes on as if it had not been."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.pocket.training import loop


class Walker:
    """Walks by noise that depends on the step alone, and remembers the shares of time it was told."""

    def __init__(self) -> None:
        self.place = torch.zeros(3)
        self.progress: list[float] = []
        self.shown = 0

    def learn(self, step: int, progress: float) -> dict[str, float]:
        torch.manual_seed(step)
        self.place = self.place * 0.9 + torch.randn(3) * (1 - progress)
        self.progress.append(progress)
        return {"size": float(self.place.norm())}

    def state_dict(self) -> dict[str, Any]:
        return {"place": self.place}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.place = state["place"]

    def show(self, path: Path) -> None:
        self.shown += 1


def ticking() -> Callable[[], float]:
    """A clock that moves on by one second whenever it is read."""
    counter = itertools.count()
    return lambda: float(next(counter))


class CutOff(Exception):
    """The machine went away."""


class Fragile(Walker):
    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    def learn(self, step: int, progress: float) -> dict[str, float]:
        if step == self.last:
            raise CutOff
        return super().learn(step, progress)


def test_training_stops_when_its_time_is_used_up(tmp_path: Path) -> None:
    walker = Walker()
    steps = loop.run(walker, tmp_path, 60, ticking())
    assert 15 <= steps <= 60
    assert walker.progress == sorted(walker.progress)
    assert walker.progress[-1] < 1


def test_a_finished_part_is_passed_over(tmp_path: Path) -> None:
    first = loop.run(Walker(), tmp_path, 30, ticking())
    again = Walker()
    assert loop.run(again, tmp_path, 30, ticking()) == first
    assert again.progress == []


def test_a_checkpoint_holds_the_step_and_the_time_spent(tmp_path: Path) -> None:
    steps = loop.run(Walker(), tmp_path, 30, ticking())
    fresh = Walker()
    assert loop.resume(fresh, tmp_path)[0] == steps
    assert not torch.equal(fresh.place, torch.zeros(3))


def test_a_run_that_was_cut_off_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CutOff):
        loop.run(Fragile(last=400), tmp_path, 10_000, ticking())
    saved, spent = loop.resume(Walker(), tmp_path)
    resumed = Walker()
    loop.run(resumed, tmp_path, spent + 20, ticking())
    assert 0 < saved <= 400
    assert resumed.progress[0] == pytest.approx(spent / (spent + 20), abs=0.01)


def test_the_log_has_one_line_of_figures_for_every_fifty_steps(tmp_path: Path) -> None:
    steps = loop.run(Walker(), tmp_path, 600, ticking())
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(50, steps + 1, 50))
    assert all("size" in line for line in lines)


def test_the_rate_warms_up_holds_and_falls() -> None:
    assert loop.rate_share(0, 0.0, 0.5) < 0.02
    assert loop.rate_share(1000, 0.4, 0.5) == 1.0
    assert loop.rate_share(1000, 0.75, 0.5) == pytest.approx(0.51)
    assert loop.rate_share(1000, 1.0, 0.5) == pytest.approx(0.02)
