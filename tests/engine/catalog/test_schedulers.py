"""The noise schedulers on offer exist, and are the ones their names promise."""

from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch

from bot.interactions.options import CHOICE_LENGTH, MOST_CHOICES
from engine.catalog import SCHEDULERS, SchedulerSpec
from engine.worker.sampling.schedulers import build_scheduler

CONFIG = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
SPREAD = 0.5


def spread_of_a_perfect_models_picture(name: str, steps: int) -> float:
    """Draw with a model that knows how pixels spread around grey, each by itself; return how the result spreads."""
    scheduler = build_scheduler(name, CONFIG | {"clip_sample": False, "set_alpha_to_one": False}, steps)
    generator = torch.Generator().manual_seed(5)
    options = {"generator": generator} if "generator" in scheduler.step.__code__.co_varnames else {}
    noises = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod).sqrt()
    latents = torch.randn(1, 4, 32, 32, generator=generator) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        below = int(timestep)
        low, high = noises[below], noises[min(below + 1, len(noises) - 1)]
        noise = torch.lerp(low, high, float(timestep) - below)
        signal = (1 / (1 + noise**2)).sqrt()
        seen = scheduler.scale_model_input(latents, timestep)
        picture = seen / signal * SPREAD**2 / (SPREAD**2 + noise**2)
        predicted: Any = (seen / signal - picture) / noise
        latents = scheduler.step(predicted, timestep, latents, return_dict=False, **options)[0]
    return float(latents.std())


def test_the_names_people_know_are_on_offer_and_fit_discords_list() -> None:
    assert {
        "DPM++ 2M",
        "DPM++ 2M Karras",
        "DPM++ SDE",
        "Euler",
        "Euler a",
        "DDIM",
        "Heun",
        "UniPC",
        "LMS",
        "LCM",
    } <= set(SCHEDULERS)
    assert next(iter(SCHEDULERS)) == "DPM++ 2M"
    assert all(name == spec.info.name for name, spec in SCHEDULERS.items())
    assert len(SCHEDULERS) <= MOST_CHOICES
    assert all(len(f"{name} · {spec.info.note}") <= CHOICE_LENGTH for name, spec in SCHEDULERS.items())


@pytest.mark.parametrize("spec", SCHEDULERS.values(), ids=SCHEDULERS)
def test_a_scheduler_is_a_class_of_diffusers_that_takes_its_changes(spec: SchedulerSpec) -> None:
    built = getattr(diffusers, spec.class_name).from_config({"prediction_type": "v_prediction"}, **spec.changes)
    assert {key: built.config[key] for key in spec.changes} == dict(spec.changes)
    assert built.config.prediction_type == "v_prediction"
    assert spec.info.note


@pytest.mark.parametrize("name", SCHEDULERS)
def test_with_enough_steps_a_perfect_models_picture_is_right(name: str) -> None:
    low = 0.3 if name == "LCM" else 0.4
    assert low < spread_of_a_perfect_models_picture(name, 25) < 0.55


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_range_of_steps_begins_where_the_contrast_is_no_more_than_half_too_much(name: str) -> None:
    info = SCHEDULERS[name].info
    assert spread_of_a_perfect_models_picture(name, info.min_steps) <= 1.5 * SPREAD
    if info.min_steps > 1:
        assert spread_of_a_perfect_models_picture(name, info.min_steps - 1) > 1.5 * SPREAD


@pytest.mark.parametrize("name", SCHEDULERS)
def test_the_range_of_steps_ends_where_the_scheduler_still_counts_them(name: str) -> None:
    steps = SCHEDULERS[name].info.max_steps
    assert len(build_scheduler(name, CONFIG, steps).timesteps) >= steps


@pytest.mark.parametrize("name", SCHEDULERS)
def test_two_of_one_name_share_nothing(name: str) -> None:
    first, second = build_scheduler(name, CONFIG, 8), build_scheduler(name, CONFIG, 8)
    sample = torch.ones(1, 4, 2, 2)
    first.scale_model_input(sample, first.timesteps[0])
    first.step(sample, first.timesteps[0], sample)
    fresh = build_scheduler(name, CONFIG, 8)
    assert repr(vars(second)) == repr(vars(fresh))
    assert repr(vars(first)) != repr(vars(fresh)) or name == "DDIM"
