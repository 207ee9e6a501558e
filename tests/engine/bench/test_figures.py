"""Numbers of a bench."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from engine.bench.figures import jain, percentile, psnr_db


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_equal_speeds_are_fair_and_one_who_has_all_is_not() -> None:
    assert jain([2.0, 2.0, 2.0]) == pytest.approx(1.0)
    assert jain([1.0, 0.0, 0.0, 0.0]) == pytest.approx(0.25)


def test_a_percentile_lies_between_its_neighbours() -> None:
    assert percentile(list(range(101)), 95) == pytest.approx(95)
    assert percentile([3.0], 99) == 3.0


def test_equal_pictures_are_infinitely_alike_and_one_level_is_48_decibels() -> None:
    assert psnr_db(png(10), png(10)) == float("inf")
    assert psnr_db(png(10), png(11)) == pytest.approx(48.13, abs=0.01)
