"""How many rows a UNet call may have, and the proof of it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.worker.buckets import AnyRows, BucketRows, RowRules, RowShape, prove_buckets, work_in_pairs
from engine.worker.pipelines import LoadedModel

SHAPE = RowShape(4, 8, 8, 77, 32)


class RowDependent:
    """A stand-in for a UNet whose rows change in calls of some numbers of rows."""

    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self, *odd: int, runs_out_above: float = math.inf) -> None:
        self._odd = odd
        self._runs_out_above = runs_out_above
        self.calls: list[int] = []

    def __call__(self, samples: Tensor, times: Tensor, encoder_hidden_states: Tensor, return_dict: bool) -> Any:
        self.calls.append(len(samples))
        if len(samples) > self._runs_out_above:
            raise torch.OutOfMemoryError("no more")
        answer = samples + times[:, None, None, None] + encoder_hidden_states.mean(dim=(1, 2))[:, None, None, None]
        return (torch.nextafter(answer, answer + 1) if len(samples) in self._odd else answer,)


def test_every_bucket_that_changes_nothing_is_proven() -> None:
    assert list(prove_buckets(RowDependent(), SHAPE, 32)) == [2, 4, 8, 16, 32]


def test_no_bucket_beyond_the_budget_is_tried() -> None:
    unet = RowDependent()
    assert list(prove_buckets(unet, SHAPE, 8)) == [2, 4, 8]
    assert max(unet.calls) == 8


@pytest.mark.parametrize(("odd", "proven"), [((4,), [2]), ((16,), [2, 4, 8]), ((8, 16, 32), [2, 4])])
def test_a_bucket_whose_rows_differ_in_one_bit_ends_the_proof(odd: tuple[int, ...], proven: list[int]) -> None:
    assert list(prove_buckets(RowDependent(*odd), SHAPE, 32)) == proven


def test_a_bucket_that_runs_out_of_memory_is_not_proven() -> None:
    assert list(prove_buckets(RowDependent(runs_out_above=8), SHAPE, 32)) == [2, 4, 8]


def test_where_calls_are_too_slow_to_prove_anything_two_rows_stay() -> None:
    unet = RowDependent()
    assert list(prove_buckets(unet, SHAPE, 32, limit_s=0.0)) == [2]
    assert unet.calls == [2]


def test_a_shape_is_proven_once() -> None:
    unet = RowDependent()
    rules = RowRules(unet, 4, exact=True)
    first = rules.get(SHAPE)
    calls = len(unet.calls)
    assert rules.get(SHAPE) is first
    assert len(unet.calls) == calls
    rules.get(RowShape(4, 8, 16, 77, 32))
    assert len(unet.calls) > calls


def test_pairs_make_a_real_unet_independent_of_its_rows_and_nothing_else_does(
    tiny: LoadedModel, tiny_folder: Any
) -> None:
    from diffusers import UNet2DConditionModel

    stock = UNet2DConditionModel.from_pretrained(tiny_folder, subfolder="unet")
    assert list(prove_buckets(stock, SHAPE, 8)) == [2]
    state = {name: tensor.clone() for name, tensor in stock.state_dict().items()}
    work_in_pairs(stock)
    assert list(prove_buckets(stock, SHAPE, 8)) == [2, 4, 8]
    assert state.keys() == stock.state_dict().keys()
    assert "forward" not in vars(UNet2DConditionModel.from_pretrained(tiny_folder, subfolder="unet"))


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


def test_every_bucket_of_a_compiled_unet_is_called_before_a_size_is_drawn_and_no_other_is_used() -> None:
    unet = RowDependent()
    rule = RowRules(unet, 16, exact=False, compiled=True).get(SHAPE)
    assert unet.calls == [2, 4, 8, 16]
    assert rule.fit([2] * 5, 16) == (4, 8)
    assert rule.fit([2, 1], 16) == (2, 4)
    assert RowRules(RowDependent(runs_out_above=4), 16, exact=False, compiled=True).get(SHAPE).fit([2] * 8, 16) == (
        2,
        4,
    )


def test_a_compiled_unet_is_proven_too_where_pictures_are_exact() -> None:
    assert RowRules(RowDependent(8), 16, exact=True, compiled=True).get(SHAPE).fit([2] * 8, 16) == (2, 4)
    assert RowRules(RowDependent(8), 16, exact=False, compiled=True).get(SHAPE).fit([2] * 8, 16) == (8, 16)
    assert RowRules(RowDependent(8), 16, exact=False).get(SHAPE).fit([2] * 5, 16) == (5, 10)


def test_without_proof_any_number_of_rows_is_taken_up_to_the_cap() -> None:
    assert AnyRows().fit([2, 1, 2, 2], 5) == (3, 5)
    assert AnyRows().fit([2, 1, 2, 2], 4) == (2, 3)
    assert AnyRows().fit([2, 2], 1) == (1, 2)
