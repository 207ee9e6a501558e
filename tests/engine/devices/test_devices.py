from __future__ import annotations

from pathlib import Path

from engine.devices import find_devices


def test_without_a_card_the_cpu_draws(tmp_path: Path) -> None:
    (tmp_path / "nvidiactl").touch()
    assert find_devices({"PATH": ""}, tmp_path) == ("cpu",)


def test_a_hidden_card_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    assert find_devices({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == ("cpu",)
    assert find_devices({"CUDA_VISIBLE_DEVICES": "-1"}, tmp_path) == ("cpu",)
