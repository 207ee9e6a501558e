"""Where a picture lies in its frame."""

from __future__ import annotations

import pytest

from engine.api import Direction, Placement, panned, zoomed_out


@pytest.mark.parametrize(("width", "height"), [(128, 128), (128, 192), (512, 512), (832, 1216), (72, 136)])
@pytest.mark.parametrize("factor", [1.5, 2.0])
def test_a_picture_that_is_zoomed_out_lies_in_the_middle_in_whole_latents(
    width: int, height: int, factor: float
) -> None:
    placed = zoomed_out(width, height, factor)
    assert (2 * placed.left + placed.width, 2 * placed.top + placed.height) == (width, height)
    assert placed.left % 8 == placed.top % 8 == 0
    assert abs(placed.left - width * (1 - 1 / factor) / 2) <= 4
    assert abs(placed.top - height * (1 - 1 / factor) / 2) <= 4


@pytest.mark.parametrize(
    ("direction", "left", "top"), [("left", 64, 0), ("right", -64, 0), ("up", 0, 96), ("down", 0, -96)]
)
def test_a_frame_that_is_panned_keeps_half_of_the_picture(direction: Direction, left: int, top: int) -> None:
    assert panned(128, 192, direction) == Placement(left, top, 128, 192)


def test_half_of_an_odd_number_of_latents_is_whole_latents() -> None:
    assert panned(72, 72, "left") == Placement(32, 0, 72, 72)


@pytest.mark.parametrize("values", [(0, 0, 0, 8), (0, 0, 8, 20_000), (0.5, 0, 8, 8), (-20_000, 0, 8, 8)])
def test_a_place_that_is_none_is_refused(values: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be a whole number between"):
        Placement(*values)
