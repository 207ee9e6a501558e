"""Every family goes through the step batch as through its stock pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from engine.api import Recipe

if TYPE_CHECKING:
    from tests.engine.worker.conditioning.conftest import Family

Draw = Callable[..., tuple[list[torch.Tensor], list[torch.Tensor]]]
Varied = Callable[[Recipe, int], Recipe]


@pytest.mark.parametrize("scheduler", ["DPM++ 2M Karras", "Euler a", "Heun", "DDIM"])
def test_an_image_alone_equals_the_stock_pipelines(family: Family, scheduler: str, draw_together: Draw) -> None:
    wanted = replace(family.recipe, scheduler=scheduler, negative_prompt="blue")
    latents, pixels = draw_together(family.model, wanted)
    assert torch.equal(latents[0], family.stock_latents(wanted))
    assert torch.equal((pixels[0] * 0.5 + 0.5).clamp(0, 1), family.stock_pixels(wanted))


def test_a_picture_that_is_not_square_equals_the_stock_pipelines(family: Family, draw_together: Draw) -> None:
    wanted = replace(family.recipe, width=96)
    latents, _ = draw_together(family.model, wanted)
    assert torch.equal(latents[0], family.stock_latents(wanted))


def test_images_of_many_requests_in_one_batch_equal_each_alone(
    family: Family, varied: Varied, draw_together: Draw
) -> None:
    wanted = [varied(family.recipe, number) for number in range(6)]
    together, _ = draw_together(family.model, *wanted)
    for latents, recipe in zip(together, wanted, strict=True):
        alone, _ = draw_together(family.model, recipe)
        assert torch.equal(latents, alone[0])


def test_more_than_two_rows_are_proven(family: Family, draw_together: Draw, denoise: Callable[..., object]) -> None:
    """Or the test before this one would show nothing."""
    assert max(denoise(family.model, family.recipe).image_states[0].row_rule.buckets) > 2  # type: ignore[attr-defined]
