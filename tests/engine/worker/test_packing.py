"""Which images share the next UNet call."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch

from engine.worker.batch import Drawing, Group, pack
from engine.worker.buckets import AnyRows
from engine.worker.conditioning import Conditioning

SMALL, LARGE, OTHER = Group("tiny", 8, 8, 77), Group("tiny", 16, 8, 77), Group("other", 8, 8, 77)


def image(group: Group = SMALL, rows: int = 2, steps: int = 4, **state: Any) -> Drawing:
    return Drawing(
        pipeline=None,
        group=group,
        row_rule=AnyRows(),
        latents=torch.zeros(1),
        conditioning=Conditioning(torch.zeros(rows, 1, 1)),
        guidance_scale=3.0,
        scheduler=None,
        unet_timesteps=torch.zeros(steps),
        generator=torch.Generator(),
        takes_generator=False,
        **state,
    )


def serve(images: list[Drawing], calls: int, most_rows: int = 16) -> list[list[int]]:
    """Make calls; give back which images had a part in each."""
    served = []
    for _ in range(calls):
        batch = pack(images, most_rows, {})
        assert batch is not None
        for drawing in batch.drawings:
            drawing.turn = 1 + max(other.turn for other in images)
            drawing.step += 1
        served.append(sorted(images.index(drawing) for drawing in batch.drawings))
    return served


def test_nothing_is_packed_when_all_images_are_denoised() -> None:
    assert pack([], 16, {}) is None
    assert pack([image(step=4), image(step=4)], 16, {}) is None


def test_images_of_one_model_and_size_go_together_up_to_the_budget() -> None:
    assert serve([image() for _ in range(3)], 1) == [[0, 1, 2]]
    assert serve([image() for _ in range(9)], 1) == [list(range(8))]


def test_an_image_without_guidance_costs_one_row() -> None:
    assert serve([image(rows=1), image(rows=1), image()], 1, most_rows=4) == [[0, 1, 2]]


def test_models_and_sizes_take_turns() -> None:
    images = [image(SMALL), image(LARGE), image(OTHER), image(SMALL)]
    assert serve(images, 6) == [[0, 3], [1], [2], [0, 3], [1], [2]]


def test_a_full_group_does_not_hold_up_another() -> None:
    images = [image(SMALL, steps=50) for _ in range(12)] + [image(LARGE, steps=50)]
    calls = serve(images, 20)
    assert sum(12 in call for call in calls) == 10


def test_a_newcomer_is_in_the_next_call_of_a_full_batch() -> None:
    images = [image(steps=50) for _ in range(8)]
    serve(images, 3)
    images.append(image())
    assert 8 in serve(images, 1)[0]


def test_a_newcomer_of_another_size_is_next() -> None:
    images = [image(steps=50) for _ in range(8)]
    serve(images, 3)
    images.append(image(LARGE))
    assert serve(images, 1) == [[8]]


def test_images_beyond_the_budget_take_turns_so_that_none_falls_behind_by_more_than_a_step() -> None:
    images = [image(steps=100) for _ in range(5)]
    counts = Counter(range(5))
    for call in serve(images, 25, most_rows=4):
        counts.update(call)
        assert max(counts.values()) - min(counts.values()) <= 1
    assert set(counts.values()) == {11}


def test_a_cap_lowers_its_group_alone() -> None:
    images = [image(SMALL) for _ in range(4)] + [image(LARGE) for _ in range(4)]
    caps = {SMALL: 4}
    batch = pack(images[:4], 16, caps)
    assert batch is not None
    assert (len(batch.drawings), batch.rows) == (2, 4)
    batch = pack(images[4:], 16, caps)
    assert batch is not None
    assert (len(batch.drawings), batch.rows) == (4, 8)
