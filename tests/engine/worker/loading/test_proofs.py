"""How many rows are proven, call by call, and what is done until they are."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.api import LoraUse
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.loading.proofs import MOST_PENDING, RowRules
from engine.worker.sampling.buckets import RowRule, RowShape, work_in_pairs

SHAPE = RowShape(4, 8, 8, 77, 32)


class RowDependent:
    """A stand-in for a UNet whose rows change in calls of some numbers of rows."""

    device = torch.device("cpu")
    dtype = torch.float32

    def __init__(self, *odd: int, runs_out_above: float = math.inf, fails_above: float = math.inf) -> None:
        self._odd = odd
        self._runs_out_above = runs_out_above
        self._fails_above = fails_above
        self.calls: list[int] = []

    def parameters(self) -> Iterator[Tensor]:
        yield torch.zeros(10)

    def __call__(self, samples: Tensor, times: Tensor, encoder_hidden_states: Tensor, return_dict: bool) -> Any:
        self.calls.append(len(samples))
        if len(samples) > self._runs_out_above:
            raise torch.OutOfMemoryError("no more")
        if len(samples) > self._fails_above:
            raise ValueError("what an odd number")
        answer = samples + times[:, None, None, None] + encoder_hidden_states.mean(dim=(1, 2))[:, None, None, None]
        return (torch.nextafter(answer, answer + 1) if len(samples) in self._odd else answer,)


def buckets(rule: RowRule) -> tuple[int, ...]:
    return rule.buckets  # type: ignore[attr-defined, no-any-return]


def proven(unet: Any, most_rows: int, most_work: float = math.inf) -> tuple[int, ...]:
    """Return the buckets after all calls of the proof."""
    rules = RowRules(unet, most_rows, exact=True, most_work=most_work)
    rule = rules.get(SHAPE)
    while rules.prove():
        pass
    return buckets(rule)


def test_every_bucket_that_changes_nothing_is_proven() -> None:
    assert proven(RowDependent(), 32) == (2, 4, 8, 16, 32)


def test_no_bucket_beyond_the_budget_is_tried() -> None:
    unet = RowDependent()
    assert proven(unet, 8) == (2, 4, 8)
    assert max(unet.calls) == 8


@pytest.mark.parametrize(("odd", "expected"), [((4,), (2,)), ((16,), (2, 4, 8)), ((8, 16, 32), (2, 4))])
def test_a_bucket_whose_rows_differ_in_one_bit_ends_the_proof(odd: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert proven(RowDependent(*odd), 32) == expected


def test_a_bucket_that_runs_out_of_memory_is_not_proven() -> None:
    assert proven(RowDependent(runs_out_above=8), 32) == (2, 4, 8)


def test_a_bucket_whose_call_fails_is_not_proven_and_the_log_has_the_error(caplog: pytest.LogCaptureFixture) -> None:
    assert proven(RowDependent(fails_above=4), 32) == (2, 4)
    assert "what an odd number" in caplog.text


def test_a_model_that_fails_in_calls_of_two_is_not_ready() -> None:
    with pytest.raises(ValueError, match="odd"):
        RowRules(RowDependent(fails_above=1), 32, exact=True).get(SHAPE)


@pytest.mark.parametrize(("rows", "expected"), [(16, (2, 4, 8, 16)), (15, (2, 4, 8)), (3, (2,)), (1, (2,))])
def test_no_call_is_tried_that_computes_more_than_the_bound(rows: int, expected: tuple[int, ...]) -> None:
    """10 weights times 8x8 places are a row."""
    unet = RowDependent()
    assert proven(unet, 32, most_work=10 * 8 * 8 * rows) == expected
    assert max(unet.calls, default=2) == expected[-1]


def test_two_rows_are_ready_after_one_call_and_each_further_call_is_one_of_the_proof() -> None:
    unet = RowDependent()
    rules = RowRules(unet, 8, exact=True)
    rule = rules.get(SHAPE)
    assert (unet.calls, buckets(rule)) == ([2], (2,))
    seen = []
    while rules.prove():
        seen.append((tuple(unet.calls), buckets(rule)))
    assert [len(calls) for calls, _ in seen] == [2, 3, 4, 5, 6, 7, 7]
    assert unet.calls == [2, 2, 4, 2, 2, 4, 8]
    assert buckets(rule) == (2, 4, 8)


def test_images_use_larger_calls_as_soon_as_those_are_proven() -> None:
    rules = RowRules(RowDependent(), 8, exact=True)
    rule = rules.get(SHAPE)
    largest = [rule.fit([2] * 8, 16)[1]]
    while rules.prove():
        largest.append(rule.fit([2] * 8, 16)[1])
    assert sorted(set(largest)) == [2, 4, 8]
    assert largest == sorted(largest)


def test_how_much_a_proof_computes_is_known_beforehand() -> None:
    unet = RowDependent()
    proven(unet, 16)
    assert sum(unet.calls) == 16 * 4


def test_a_shape_is_proven_once() -> None:
    unet = RowDependent()
    rules = RowRules(unet, 4, exact=True)
    first = rules.get(SHAPE)
    while rules.prove():
        pass
    calls = len(unet.calls)
    assert rules.get(SHAPE) is first
    assert not rules.prove()
    assert len(unet.calls) == calls
    rules.get(RowShape(4, 8, 16, 77, 32))
    assert rules.prove()
    assert len(unet.calls) > calls


def test_rows_are_proven_once_more_with_each_set_of_loras_in_place() -> None:
    """And whatever the weights of the LoRAs."""
    unet = RowDependent()
    rules = RowRules(unet, 4, exact=True)
    plain, ink, lighter, newer = (
        rules.get(SHAPE, loras)
        for loras in ((), (LoraUse("ink", "1", 0.8),), (LoraUse("ink", "1", 0.4),), (LoraUse("ink", "2", 0.8),))
    )
    assert ink is lighter
    assert len({id(plain), id(ink), id(newer)}) == 3
    while rules.prove():
        pass
    assert [buckets(rule) for rule in (plain, ink, newer)] == [(2, 4)] * 3


def test_a_proof_has_the_loras_in_place_during_its_calls_alone() -> None:
    layer = torch.nn.Identity()

    class WithLayer(RowDependent):
        seen: list[float] = []  # noqa: RUF012 - one test, one list

        def __call__(self, samples: Tensor, *arguments: Any, **options: Any) -> Any:
            self.seen.append(float(layer(torch.zeros(1, 1))))
            return super().__call__(samples, *arguments, **options)

    unet = WithLayer()
    rules = RowRules(unet, 4, exact=True)
    rules.get(SHAPE, (LoraUse("ink", "1", 0.8),), {layer: [lambda inputs: inputs + 3.0]})
    while rules.prove():
        assert float(layer(torch.zeros(1, 1))) == 0.0
    assert unet.seen == [3.0] * 3


def test_a_bounded_number_of_proofs_is_under_way_and_one_that_was_given_up_begins_anew() -> None:
    unet = RowDependent()
    rules = RowRules(unet, 4, exact=True)
    shapes = [RowShape(4, 8, 8 * number, 77, 32) for number in range(1, MOST_PENDING + 2)]
    first, *others = [rules.get(shape) for shape in shapes]
    while rules.prove():
        pass
    assert buckets(first) == (2,)
    assert {buckets(rule) for rule in others} == {(2, 4)}
    again = rules.get(shapes[0])
    while rules.prove():
        pass
    assert buckets(again) == (2, 4)


def test_the_log_says_what_was_proven_and_what_stays_at_two_rows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    proven(RowDependent(8), 16)
    assert caplog.messages[-2:] == [
        "calls of 8 rows differ from calls of two",
        "rows of 8x8 latents are proven in calls of 4",
    ]
    proven(RowDependent(), 16, most_work=1)
    assert caplog.messages[-1] == "calls of 8x8 latents have two rows: larger ones would gain nothing"


def test_pairs_make_a_real_unet_independent_of_its_rows_and_nothing_else_does(
    tiny: LoadedModel, tiny_folder: Any
) -> None:
    from diffusers import UNet2DConditionModel

    stock = UNet2DConditionModel.from_pretrained(tiny_folder, subfolder="unet")
    assert proven(stock, 8) == (2,)
    state = {name: tensor.clone() for name, tensor in stock.state_dict().items()}
    work_in_pairs(stock)
    assert proven(stock, 8) == (2, 4, 8)
    assert state.keys() == stock.state_dict().keys()
    assert "forward" not in vars(UNet2DConditionModel.from_pretrained(tiny_folder, subfolder="unet"))


def test_every_bucket_of_a_compiled_unet_is_called_before_a_size_is_drawn_and_no_other_is_used() -> None:
    unet = RowDependent()
    rule = RowRules(unet, 16, exact=False, compiled=True).get(SHAPE)
    assert unet.calls == [2, 4, 8, 16]
    assert rule.fit([2] * 5, 16) == (4, 8)
    assert rule.fit([2, 1], 16) == (2, 4)
    small = RowRules(RowDependent(runs_out_above=4), 16, exact=False, compiled=True).get(SHAPE)
    assert small.fit([2] * 8, 16) == (2, 4)


def test_a_compiled_unet_is_proven_too_where_pictures_are_exact() -> None:
    rules = RowRules(RowDependent(8), 16, exact=True, compiled=True)
    rule = rules.get(SHAPE)
    assert rule.fit([2] * 8, 16) == (1, 2)
    while rules.prove():
        pass
    assert rule.fit([2] * 8, 16) == (2, 4)


def test_nothing_is_proven_where_pictures_need_not_be_exact() -> None:
    compiled = RowRules(RowDependent(8), 16, exact=False, compiled=True)
    assert compiled.get(SHAPE).fit([2] * 8, 16) == (8, 16)
    assert not compiled.prove()
    unet = RowDependent(8)
    plain = RowRules(unet, 16, exact=False)
    assert plain.get(SHAPE).fit([2] * 5, 16) == (5, 10)
    assert not plain.prove()
    assert unet.calls == []


def test_calls_with_loras_are_not_compiled_and_so_not_proven() -> None:
    rules = RowRules(RowDependent(), 16, exact=True, compiled=True)
    assert rules.get(SHAPE, (LoraUse("ink", "1", 0.8),)).fit([2] * 8, 16) == (1, 2)
    assert not rules.prove()
