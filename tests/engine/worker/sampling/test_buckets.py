"""How many rows a UNet call has, and how many images share it."""

from __future__ import annotations

import pytest

from engine.worker.sampling.buckets import AnyRows, BucketRows


@pytest.mark.parametrize(
    ("images", "rows"), [(1, 2), (2, 4), (3, 8), (4, 8), (5, 8), (6, 16), (7, 16), (8, 16), (9, 16), (20, 16)]
)
def test_a_call_has_the_largest_bucket_that_the_images_all_but_fill(images: int, rows: int) -> None:
    assert BucketRows((2, 4, 8, 16)).fit([2] * images, 16) == (min(images, rows // 2), rows)


@pytest.mark.parametrize(("cap", "expected"), [(16, (4, 8)), (8, (4, 8)), (7, (2, 4)), (2, (1, 2)), (1, (1, 2))])
def test_a_call_has_no_more_rows_than_its_cap_unless_one_image_needs_them(cap: int, expected: tuple[int, int]) -> None:
    assert BucketRows((2, 4, 8)).fit([2] * 8, cap) == expected


def test_a_bucket_holds_more_images_where_some_need_one_row_only() -> None:
    assert BucketRows((2, 4, 8)).fit([1, 2, 1, 1, 2], 8) == (5, 8)
    assert BucketRows((2, 4, 8)).fit([1, 2, 1, 1], 4) == (3, 4)
    assert BucketRows((2, 4, 8)).fit([1], 8) == (1, 2)


def test_without_proof_any_number_of_rows_is_taken_up_to_the_cap() -> None:
    assert AnyRows().fit([2, 1, 2, 2], 5) == (3, 5)
    assert AnyRows().fit([2, 1, 2, 2], 4) == (2, 3)
    assert AnyRows().fit([2, 2], 1) == (1, 2)
