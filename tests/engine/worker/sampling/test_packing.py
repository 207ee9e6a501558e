"""Which images share the next UNet call."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.worker.sampling.batch import Group, ImageState, pack

Image = Callable[..., ImageState]
SMALL, LARGE, OTHER = Group("tiny", 8, 8, 77), Group("tiny", 16, 8, 77), Group("other", 8, 8, 77)


def packed(images: list[ImageState], most_rows: int = 16, caps: Mapping[Group, int] | None = None) -> list[int]:
    """Which of the images share the next call."""
    batch = pack(images, most_rows, caps or {})
    assert batch is not None
    return [images.index(drawing) for drawing in batch.image_states]


def test_nothing_is_packed_when_all_images_are_denoised(image: Image) -> None:
    assert pack([], 16, {}) is None
    assert pack([image(SMALL, step=4), image(SMALL, step=4)], 16, {}) is None


def test_images_of_one_model_and_size_go_together_up_to_the_budget(image: Image) -> None:
    assert packed([image(SMALL) for _ in range(3)]) == [0, 1, 2]
    assert packed([image(SMALL) for _ in range(9)]) == list(range(8))


def test_the_first_image_says_which_model_and_size(image: Image) -> None:
    assert packed([image(SMALL), image(LARGE), image(OTHER), image(SMALL)]) == [0, 3]
    assert packed([image(SMALL, step=4), image(LARGE), image(OTHER), image(SMALL)]) == [1]


def test_an_image_without_guidance_costs_one_row(image: Image) -> None:
    assert packed([image(SMALL, rows=1), image(SMALL, rows=1), image(SMALL)], most_rows=4) == [0, 1, 2]


def test_a_cap_lowers_its_group_alone(image: Image) -> None:
    caps = {SMALL: 4}
    assert packed([image(SMALL) for _ in range(4)], caps=caps) == [0, 1]
    assert packed([image(LARGE) for _ in range(4)], caps=caps) == [0, 1, 2, 3]
