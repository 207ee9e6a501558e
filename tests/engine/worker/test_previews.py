"""Previews: what is shown of latents that are not finished, and when."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.api import Preview
from engine.catalog import SCHEDULERS
from engine.encoding import decode_picture
from engine.worker.batch import Drawing, Group, LastStep
from engine.worker.buckets import AnyRows
from engine.worker.conditioning import Conditioning
from engine.worker.previews import Previews, expected_latents, may_be_shown, preview_due, reduced
from engine.worker.safety import Finding, SafetyGate
from engine.worker.schedulers import build_scheduler
from engine.worker.seeds import seeded

CONFIG = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def noise_of(scheduler: Any, timestep: float) -> torch.Tensor:
    """The noise of a timestep that may lie between two of the model's, as k-diffusion's samplers count."""
    noises = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod).sqrt()
    return torch.tensor(np.interp(timestep, range(len(noises)), noises), dtype=torch.float32)


def drawing(scheduler: str, kind: str) -> tuple[Drawing, torch.Tensor]:
    """A drawing whose last step predicted perfectly, and the finished latents it was heading for."""
    built = build_scheduler(scheduler, CONFIG | {"prediction_type": kind}, 10)
    generator = seeded(3)
    target, noise = (torch.randn(1, 4, 16, 16, generator=generator) for _ in range(2))
    timestep = built.timesteps[4]
    share = 1 / (1 + noise_of(built, float(timestep)) ** 2)
    signal, spread = share.sqrt(), (1 - share).sqrt()
    predictions = {"epsilon": noise, "v_prediction": signal * noise - spread * target, "sample": target}
    last = LastStep(timestep, signal * target + spread * noise, predictions[kind])
    under_way = Drawing(
        pipeline=None,
        group=Group("tiny", 16, 16, 77),
        row_rule=AnyRows(),
        latents=target,
        conditioning=Conditioning(torch.zeros(2, 1, 1)),
        guidance_scale=3.0,
        scheduler=built,
        unet_timesteps=built.timesteps.float(),
        generator=generator,
        takes_generator=False,
        step=5,
        last=last,
    )
    return under_way, target


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_perfect_prediction_shows_the_finished_latents(scheduler: str, kind: str) -> None:
    under_way, target = drawing(scheduler, kind)
    assert torch.allclose(expected_latents(under_way), target, atol=1e-4)


@pytest.mark.parametrize(
    ("latents", "smaller"), [((16, 16), (16, 16)), ((24, 32), (24, 32)), ((64, 64), (32, 32)), ((128, 72), (32, 18))]
)
def test_large_latents_are_averaged_down_before_they_are_decoded(
    latents: tuple[int, int], smaller: tuple[int, int]
) -> None:
    given = torch.randn(1, 4, *latents, generator=seeded(3))
    assert reduced(given).shape == (1, 4, *smaller)
    assert torch.allclose(reduced(given).mean(), given.mean(), atol=1e-3)


@pytest.mark.parametrize(
    ("steps", "due"),
    [
        (1, []),
        (4, [1, 2, 3]),
        (10, [1, 3, 4, 6, 7]),
        (20, [2, 6, 8, 12, 14]),
        (39, [4, 12, 16, 24, 28]),
        (50, [5, 15, 20, 30, 35]),
    ],
)
def test_looks_are_due_at_shares_of_the_steps_and_never_at_the_end(steps: int, due: list[int]) -> None:
    assert [step for step in range(1, steps + 1) if preview_due(step, steps)] == due


@given(st.integers(10, 1000))
def test_of_ten_steps_or_more_two_pictures_can_be_seen_the_first_by_half_time(steps: int) -> None:
    """Each is seen at the look after its own, and is of neither the first fifth nor the last."""
    due = [step for step in range(1, steps + 1) if preview_due(step, steps)]
    seen = [(step, later) for step, later in pairwise(due) if may_be_shown(step, steps)]
    assert len(seen) >= 2
    assert seen[0][1] <= steps / 2
    assert all(steps / 5 <= step <= steps * 4 / 5 for step, _ in seen)


class Minding:
    """A detector that minds pictures that are red in the middle."""

    name = "minding"

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        assert unfinished
        return Finding(any(view.getpixel((4, 4))[0] > 128 for view in views))  # type: ignore[index]


class Straight:
    """A VAE whose latents are the picture."""

    dtype = torch.float32
    config = SimpleNamespace(scaling_factor=1.0)

    def decode(self, latents: torch.Tensor, return_dict: bool) -> tuple[torch.Tensor]:
        return (latents[:, :3],)


def unfinished(green: float, red: bool = False) -> torch.Tensor:
    """Latents whose picture is told from others by its green, with something red or not."""
    latents = torch.full((1, 4, 8, 8), -1.0)
    latents[:, 1] = green
    latents[:, 2, 0, 0] = 1.0
    latents[:, 0, 4, 4] = 1.0 if red else -1.0
    return latents


def previews(images: int = 1) -> Previews:
    return Previews(images, Straight(), SafetyGate(Minding(), Minding(), 64))


def green(preview: Preview | None, corner: tuple[int, int] = (7, 7)) -> float:
    assert preview is not None
    assert preview.picture is not None
    return decode_picture(preview.picture.data).getpixel(corner)[1] / 127.5 - 1  # type: ignore[index]


def test_a_picture_is_shown_when_the_next_look_agrees_and_says_of_which_step_it_is() -> None:
    job = previews()
    assert job.look(4, [unfinished(0.0)]) is None
    first = job.look(7, [unfinished(0.5)])
    assert first is not None
    assert (first.step, round(green(first), 1)) == (4, 0.0)
    second = job.look(10, [unfinished(1.0)])
    assert second is not None
    assert (second.step, round(green(second), 1)) == (7, 0.5)


def test_a_picture_that_the_next_look_stops_is_never_shown() -> None:
    job = previews()
    assert job.look(4, [unfinished(0.0)]) is None
    assert job.look(7, [unfinished(0.5, red=True)]) is None
    assert job.over


def test_a_look_that_is_too_early_to_be_shown_can_still_hold_back() -> None:
    job = previews()
    assert job.look(2, [unfinished(0.0)], shown=False) is None
    assert job.look(6, [unfinished(0.5)]) is None
    assert green(job.look(8, [unfinished(1.0)])) == pytest.approx(0.5, abs=0.01)
    other = previews()
    assert other.look(2, [unfinished(0.0, red=True)], shown=False) is None
    assert other.over


def test_what_was_shown_is_taken_away_when_a_later_look_stops_it() -> None:
    job = previews()
    job.look(4, [unfinished(0.0)])
    assert green(job.look(7, [unfinished(0.5)])) == pytest.approx(0.0, abs=0.01)
    assert job.look(10, [unfinished(1.0, red=True)]) == Preview(10, None)
    assert job.look(13, [unfinished(1.0)]) is None


def test_an_image_that_was_held_back_once_is_not_shown_again() -> None:
    job = previews(2)
    job.look(4, [unfinished(0.0, red=True), unfinished(0.0)])
    for step in (7, 10, 13):
        shown = job.look(step, [unfinished(0.5), unfinished(0.5)])
        assert shown is not None
        assert shown.picture is not None
        grid = decode_picture(shown.picture.data)
        assert len(set(grid.crop((0, 0, 8, 8)).get_flattened_data())) == 1
        assert len(set(grid.crop((9, 0, 17, 8)).get_flattened_data())) > 1
    assert not job.over


def test_an_image_that_is_stopped_leaves_the_others_of_its_preview() -> None:
    job = previews(2)
    job.look(4, [unfinished(0.0), unfinished(0.0)])
    assert green(job.look(7, [unfinished(0.5), unfinished(0.5)]), (3, 7)) == pytest.approx(0.0, abs=0.01)
    shown = job.look(10, [unfinished(1.0, red=True), unfinished(1.0)])
    assert shown is not None
    assert shown.picture is not None
    grid = decode_picture(shown.picture.data)
    assert len(set(grid.crop((0, 0, 8, 8)).get_flattened_data())) == 1
    assert job.look(13, [unfinished(1.0), unfinished(1.0, red=True)]) == Preview(13, None)
    assert job.over


def test_latents_that_are_not_finite_are_not_shown() -> None:
    job = previews()
    job.look(4, [unfinished(0.0)])
    assert job.look(7, [torch.full((1, 4, 8, 8), float("nan"))]) is None
    assert job.over
