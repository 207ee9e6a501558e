"""What a detector is shown of a picture: squares, and every pixel."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.views import CLOSE_OVERLAP, OVERLAP, square_views

SIDES = st.integers(8, 200)


def marked(width: int, height: int) -> Image.Image:
    """A picture whose pixels all differ."""
    numbers = np.arange(width * height).reshape(height, width)
    return Image.fromarray(np.stack([numbers >> 16, numbers >> 8, numbers], axis=-1).astype(np.uint8))


def numbers(view: Image.Image) -> set[int]:
    pixels = np.asarray(view).astype(np.uint32)
    return set((pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]).ravel().tolist())


@given(SIDES, SIDES, SIDES)
def test_the_views_are_squares_that_together_have_every_pixel(width: int, height: int, side: int) -> None:
    views = square_views(marked(width, height), side)
    assert all(view.width == view.height for view in views)
    every = set(range(width * height))
    assert numbers(views[0]) >= every
    assert len(views) == 1 or set().union(*map(numbers, views[1:])) == every


@pytest.mark.parametrize("side", [64, 128, 200])
def test_a_square_up_to_the_native_side_is_one_view(side: int) -> None:
    picture = marked(64, 64)
    (view,) = square_views(picture, side)
    assert view.tobytes() == picture.tobytes()


@given(SIDES, SIDES, SIDES)
def test_no_square_begins_further_from_the_next_than_the_overlap_allows(width: int, height: int, side: int) -> None:
    """So that whatever is small enough stands whole in one of them."""
    views = square_views(marked(width, height), side)[1:]
    for tile in {view.width for view in views}:
        overlap = OVERLAP if tile == min(width, height) else CLOSE_OVERLAP
        corners = {min(numbers(view)) for view in views if view.width == tile}
        columns = sorted({corner % width for corner in corners})
        rows = sorted({corner // width for corner in corners})
        gaps = [later - former for starts in (columns, rows) for former, later in pairwise(starts)]
        assert all(0 < gap <= tile * (1 - overlap) + 1 for gap in gaps)


def test_what_a_picture_is_seen_by_it_is_also_seen_by_made_larger() -> None:
    """Each view of a picture is, made as much larger, a view of the larger picture."""
    small, large = marked(96, 64), marked(96, 64).resize((192, 128), Image.Resampling.NEAREST)
    halved = [
        view.resize((view.width // 2, view.height // 2), Image.Resampling.NEAREST) for view in square_views(large, 64)
    ]
    assert {view.tobytes() for view in square_views(small, 64)} <= {view.tobytes() for view in halved}


def test_a_picture_larger_than_the_model_draws_is_looked_at_in_parts_of_that_size_too() -> None:
    whole, *parts = square_views(marked(256, 256), 128)
    assert whole.size == (256, 256)
    assert [part.size for part in parts] == [(128, 128)] * 9
    wide = square_views(marked(384, 256), 128)
    assert [view.width for view in wide] == [384, *[256] * 3, *[128] * 15]
