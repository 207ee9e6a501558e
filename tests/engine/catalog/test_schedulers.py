"""The noise schedulers on offer exist, and are the ones their names promise."""

from __future__ import annotations

import diffusers
import pytest

from engine.catalog import SCHEDULERS, SchedulerSpec


def test_the_names_people_know_are_on_offer() -> None:
    assert list(SCHEDULERS) == ["DPM++ 2M", "Euler", "Euler a", "DDIM", "Heun"]
    assert all(name == spec.name for name, spec in SCHEDULERS.items())


@pytest.mark.parametrize("spec", SCHEDULERS.values(), ids=SCHEDULERS)
def test_a_scheduler_is_a_class_of_diffusers_that_takes_its_changes(spec: SchedulerSpec) -> None:
    built = getattr(diffusers, spec.class_name).from_config({"prediction_type": "v_prediction"}, **spec.changes)
    assert {key: built.config[key] for key in spec.changes} == dict(spec.changes)
    assert built.config.prediction_type == "v_prediction"
    assert spec.note
