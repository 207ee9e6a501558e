from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine.settings import EngineSettings, WorkerSpec


def test_each_device_gets_its_workers_and_they_share_the_cores() -> None:
    settings = EngineSettings(devices=("cuda:0", "cuda:1"), workers_per_device=2, threads=3)
    assert settings.workers() == (
        WorkerSpec("cuda0-0", "cuda:0", 3, "fast"),
        WorkerSpec("cuda0-1", "cuda:0", 3, "fast"),
        WorkerSpec("cuda1-0", "cuda:1", 3, "fast"),
        WorkerSpec("cuda1-1", "cuda:1", 3, "fast"),
    )


def test_a_cpu_draws_exactly_and_a_card_fast_unless_it_is_said() -> None:
    def services(**values: Any) -> list[str]:
        return [spec.service for spec in EngineSettings(devices=("cpu", "cuda:0"), **values).workers()]

    assert services() == ["exact", "fast"]
    assert services(service="exact") == ["exact", "exact"]
    assert services(service="fast") == ["fast", "fast"]


def test_cores_are_divided_by_workers_but_each_has_one_thread_at_least() -> None:
    alone = EngineSettings(devices=("cpu",)).workers()
    many = EngineSettings(devices=("cpu",), workers_per_device=16).workers()
    assert alone[0].threads >= 1
    assert {spec.threads for spec in many} == {max(1, alone[0].threads // 16)}


@pytest.mark.parametrize(
    "values",
    [
        {"device": "cpu"},
        {"devices": "cuda"},
        {"devices": ["gpu:0"]},
        {"devices": []},
        {"devices": ["cpu", "cpu"]},
        {"workers_per_device": 0},
        {"threads": 0},
        {"queue_limit": 0},
        {"queue_limit_per_tenant": 0},
        {"patience_row_steps": -1},
        {"step_timeout_s": 0},
        {"memory": "small"},
        {"ram_gb": -1},
        {"ram_gb": float("inf")},
        {"start_timeout_s": 0},
        {"service": "best"},
    ],
)
def test_wrong_or_unknown_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EngineSettings.model_validate(values)
