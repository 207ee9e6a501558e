"""What holds for all tests: they leave the developer's folders alone, and pass however slow or busy the machine is."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

_folder = tempfile.mkdtemp(prefix="easel-tests-")
os.environ["EASEL_DATA_DIR"] = _folder  # before any module of tests reads its settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take what decides `pytest -m chaos`."""
    parser.addoption("--chaos-seed", type=int, default=0, help="of who is killed when")
    parser.addoption("--chaos-jobs", type=int, default=500, help="how many are drawn")
    parser.addoption("--chaos-kills", type=int, default=50, help="how often the bot or a worker is killed")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the tests kept."""
    shutil.rmtree(_folder, ignore_errors=True)
