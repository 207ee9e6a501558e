"""Previews: what is shown of latents that are not finished, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.api import Preview
from engine.encoding import decode_picture
from engine.worker.safety import Finding, SafetyGate, TimedDetector
from engine.worker.sampling.previews import Previews, may_be_shown, preview_due, reduced
from engine.worker.sampling.seeds import seeded


@pytest.mark.parametrize(
    ("latents", "smaller"), [((16, 16), (16, 16)), ((24, 32), (24, 32)), ((64, 64), (32, 32)), ((128, 72), (32, 18))]
)
def test_large_latents_are_averaged_down_before_they_are_decoded(
    latents: tuple[int, int], smaller: tuple[int, int]
) -> None:
    given = torch.randn(1, 4, *latents, generator=seeded(3))
    assert reduced(given).shape == (1, 4, *smaller)
    assert torch.allclose(reduced(given).mean(), given.mean(), atol=1e-3)


@pytest.mark.parametrize(
    ("steps", "due"),
    [
        (1, []),
        (9, []),
        (10, [1, 5, 7]),
        (20, [2, 10, 14]),
        (39, [4, 20, 28]),
        (50, [5, 25, 35]),
    ],
)
def test_looks_are_due_at_shares_of_the_steps_and_never_at_the_end(steps: int, due: list[int]) -> None:
    assert [step for step in range(1, steps + 1) if preview_due(step, steps)] == due


@given(st.integers(10, 1000))
def test_of_ten_steps_or_more_two_drafts_are_shown_the_first_at_half_time(steps: int) -> None:
    """Neither is of the first fifth or the last."""
    due = [step for step in range(1, steps + 1) if preview_due(step, steps)]
    shown = [step for step in due if may_be_shown(step, steps)]
    assert len(shown) == 2
    assert shown[0] == -(-steps // 2)
    assert shown[1] <= steps * 4 / 5
    assert due[0] <= steps / 5


class Minding:
    """A detector that minds pictures that are red in the middle, and of drafts those that are nearly so."""

    name = "minding"

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        return Finding(any(view.getpixel((4, 4))[0] > (64 if unfinished else 192) for view in views))  # type: ignore[index]


class Straight:
    """A VAE whose latents are the picture."""

    dtype = torch.float32
    config = SimpleNamespace(scaling_factor=1.0)

    def decode(self, latents: torch.Tensor, return_dict: bool) -> tuple[torch.Tensor]:
        return (latents[:, :3],)


@dataclass(frozen=True)
class Standing:
    """An image that is green, and red in its middle, as much as is said, from -1.0 to 1.0."""

    green: float
    red: float = -1.0
    early_red: float = -1.0

    def draft(self) -> torch.Tensor:
        return self._latents(self.red)

    def expected(self) -> torch.Tensor:
        return self._latents(self.early_red)

    def _latents(self, red: float) -> torch.Tensor:
        latents = torch.full((1, 4, 8, 8), -1.0)
        latents[:, 1] = self.green
        latents[:, 2, 0, 0] = 1.0
        latents[:, 0, 4, 4] = red
        return latents


def previews(images: int = 1) -> Previews:
    return Previews(images, Straight(), SafetyGate(TimedDetector(Minding()), TimedDetector(Minding()), side=64))


def tiles(preview: Preview | None) -> list[float | None]:
    """The green of each image of a preview; None for one that is not there."""
    assert preview is not None
    assert preview.picture is not None
    picture = decode_picture(preview.picture.data)
    cut = [picture.crop((left, 0, left + 8, 8)) for left in range(0, picture.width, 9)]
    return [one.getpixel((7, 7))[1] / 127.5 - 1 if one.getcolors(1) is None else None for one in cut]  # type: ignore[index]


def test_a_draft_that_passes_is_shown_with_its_step() -> None:
    job = previews()
    assert job.look(2, [Standing(0.0)], drafts=False) is None
    first = job.look(10, [Standing(0.2)], drafts=True)
    assert first is not None
    assert first.step == 10
    assert tiles(first) == [pytest.approx(0.2, abs=0.01)]
    second = job.look(15, [Standing(0.6)], drafts=True)
    assert second is not None
    assert second.step == 15
    assert tiles(second) == [pytest.approx(0.6, abs=0.01)]


def test_a_draft_is_judged_more_strictly_than_a_finished_picture() -> None:
    job = previews()
    assert job.look(10, [Standing(0.0, red=0.0)], drafts=True) is None
    assert job.over
    early = previews()
    assert early.look(2, [Standing(0.0, early_red=0.0)], drafts=False) is None
    assert not early.over


def test_what_an_image_points_at_early_on_can_hold_back_its_drafts() -> None:
    job = previews()
    assert job.look(2, [Standing(0.0, early_red=1.0)], drafts=False) is None
    assert job.over
    assert job.look(10, [Standing(0.0)], drafts=True) is None


def test_what_was_shown_is_taken_away_when_a_later_draft_is_held_back() -> None:
    job = previews()
    assert job.look(10, [Standing(0.0)], drafts=True) is not None
    assert job.look(15, [Standing(0.0, red=1.0)], drafts=True) == Preview(15, None)
    assert job.look(18, [Standing(0.0)], drafts=True) is None


def test_an_image_that_is_held_back_leaves_the_others_of_its_preview_and_does_not_return() -> None:
    job = previews(2)
    assert tiles(job.look(10, [Standing(0.2), Standing(0.6)], drafts=True)) == pytest.approx([0.2, 0.6], abs=0.01)
    assert tiles(job.look(15, [Standing(0.2, red=1.0), Standing(0.6)], drafts=True))[0] is None
    assert tiles(job.look(18, [Standing(0.2), Standing(0.6)], drafts=True))[0] is None
    assert job.look(19, [Standing(0.2), Standing(0.6, red=1.0)], drafts=True) == Preview(19, None)
    assert job.over


def test_a_job_that_needs_no_more_previews_is_not_looked_at_any_further() -> None:
    class Closing(Standing):
        def draft(self) -> torch.Tensor:
            job.close()
            return super().draft()

    class Unasked(Standing):
        def draft(self) -> torch.Tensor:
            raise AssertionError("nobody wants to know")

    job = previews(2)
    assert job.look(10, [Closing(0.0), Unasked(0.0)], drafts=True) is None
    assert job.over


def test_an_image_stays_held_back_when_the_look_at_the_next_one_fails() -> None:
    class Failing(Standing):
        def draft(self) -> torch.Tensor:
            raise torch.OutOfMemoryError("no room")

    job = previews(2)
    with pytest.raises(torch.OutOfMemoryError):
        job.look(10, [Standing(0.0, red=1.0), Failing(0.0)], drafts=True)
    assert tiles(job.look(14, [Standing(0.2), Standing(0.6)], drafts=True))[0] is None


def test_latents_that_are_not_finite_are_not_shown() -> None:
    job = previews()
    assert job.look(10, [Standing(float("nan"))], drafts=True) is None
    assert job.over
