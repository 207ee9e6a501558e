"""In which order images get their next step: fair between tenants, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.worker.jobs import WorkerJob
from engine.worker.sampling.batch import Group, ImageState, pack
from engine.worker.sampling.step_fairness import PATIENCE, StepFairness

SMALL, LARGE = Group("tiny", 8, 8, 77), Group("tiny", 16, 8, 77)
MOST_ROWS = 8
Image = Callable[..., ImageState]


class Table:
    """Jobs under way, and the calls that are made of them."""

    def __init__(self, image: Image, most_rows: int = MOST_ROWS) -> None:
        self.jobs: list[WorkerJob] = []
        self._image = image
        self._most_rows = most_rows
        self._step_fairness = StepFairness()

    def come(
        self, tenant: str, jobs: int = 1, group: Group = SMALL, weight: float = 1.0, **state: Any
    ) -> list[ImageState]:
        """Let jobs of one image come."""
        recipe = Recipe("tiny", "1", "", "", 64, 64, 50, 3.0, "DDIM", (ImageSeed(7),))
        images = [self._image(group, **{"steps": 1000, **state}) for _ in range(jobs)]
        for image in images:
            request = GenerationRequest(recipe, f"job-{len(self.jobs)}", 1, 0.0, tenant, weight)
            self.jobs.append(WorkerJob(request, None, [image], False, 0.0))  # type: ignore[arg-type]
        return images

    def call(self) -> Counter[str]:
        """Make a call; give back how many images each tenant had in it."""
        batch = pack(self._step_fairness.in_turn(self.jobs), self._most_rows, {})
        assert batch is not None
        for drawing in batch.image_states:
            drawing.step += 1
        self._step_fairness.count(batch, self.jobs)
        return Counter(
            job.request.tenant for job in self.jobs if not set(batch.image_states).isdisjoint(job.image_states)
        )

    def calls(self, count: int) -> list[Counter[str]]:
        return [self.call() for _ in range(count)]


@pytest.fixture
def table(image: Image) -> Table:
    return Table(image)


def steps(images: Sequence[ImageState]) -> list[int]:
    return [drawing.step for drawing in images]


def test_every_tenants_first_image_comes_before_anyones_second(table: Table) -> None:
    table.come("flooder", 9)
    for number in range(3):
        table.come(f"member-{number}")
    assert table.calls(10) == [{"flooder": 1, "member-0": 1, "member-1": 1, "member-2": 1}] * 10


def test_seats_that_nobody_wants_go_to_a_flooder(table: Table) -> None:
    table.come("flooder", 9)
    member = table.come("member")
    assert table.calls(5) == [{"flooder": 3, "member": 1}] * 5
    assert steps(member) == [5]


@pytest.mark.parametrize(("heavy", "light"), [(2.0, 1.0), (10.0, 1.0), (1.0, 0.1), (1e-3, 1e-4)])
@pytest.mark.parametrize("most_rows", [2, MOST_ROWS])
def test_tenants_get_steps_by_their_weights_whatever_the_scale(
    heavy: float, light: float, most_rows: int, image: Image
) -> None:
    table = Table(image, most_rows)
    table.come("heavy", 8, weight=heavy)
    table.come("light", 8, weight=light)
    given = sum(table.calls(220), Counter())
    assert given["heavy"] / given["light"] == pytest.approx(heavy / light, rel=0.15)


def test_rows_are_what_is_shared_out_not_images(table: Table) -> None:
    table.come("guided", 8)
    table.come("unguided", 8, rows=1)
    given = sum(table.calls(30), Counter())
    assert given["unguided"] == pytest.approx(2 * given["guided"], abs=2)


def test_a_flooders_images_of_another_size_do_not_make_a_member_wait(table: Table) -> None:
    """The flooder's own wait two calls, no more: a call of his with four images takes longer than one of a member's."""
    flood, member = table.come("flooder", 8, LARGE), table.come("member")
    table.calls(30)
    assert steps(member) == [20]
    assert sum(steps(flood)) == 10 * MOST_ROWS / 2


def test_models_and_sizes_of_one_tenant_take_turns_image_by_image(table: Table) -> None:
    many, one = table.come("member", 8), table.come("member", group=LARGE)
    table.calls(30)
    assert steps(one) == [10]
    assert set(steps(many)) == {10}


def test_members_of_many_models_and_sizes_get_the_same(table: Table) -> None:
    together = [table.come(f"member-{number}") for number in range(3)]
    alone = table.come("loner", group=LARGE)
    table.calls(20)
    assert [steps(images) for images in (*together, alone)] == [[10]] * 4


def test_a_newcomer_is_in_the_next_call_of_a_full_batch(table: Table) -> None:
    table.come("member", 8)
    table.calls(3)
    again = table.come("member")
    other = table.come("newcomer", group=LARGE)
    table.calls(2)
    assert (steps(again), steps(other)) == ([1], [1])


def test_who_comes_late_saved_nothing_up(table: Table) -> None:
    table.come("member", 8)
    table.calls(50)
    table.come("newcomer", 8)
    assert sum(table.calls(10), Counter()) == {"member": 20, "newcomer": 20}


def test_who_has_nothing_to_denoise_holds_nobody_up(table: Table) -> None:
    table.come("done", steps=1)
    table.come("flooder", 8)
    table.calls(20)
    table.come("member", 8)
    assert sum(table.calls(10), Counter()) == {"flooder": 20, "member": 20}


def test_a_newcomer_goes_before_whom_was_given_as_much(table: Table) -> None:
    for number in range(8):
        table.come(f"member-{number}")
    table.calls(2)
    newcomer = table.come("newcomer")
    table.call()
    assert steps(newcomer) == [1]


def test_an_image_waits_at_most_twice_as_long_as_if_calls_had_one_image_each(table: Table) -> None:
    """Its tenant rides along in calls that are made for another, and would never be the one who was given least."""
    table.come("flooder", 3)
    rare = table.come("flooder", group=LARGE)
    table.call()
    table.come("member")
    gaps, before = [], steps(rare)
    for number in range(100):
        table.call()
        if steps(rare) != before:
            gaps.append(number)
            before = steps(rare)
    tenants, images = 2, 4
    assert max(later - sooner for sooner, later in pairwise(gaps)) == PATIENCE * tenants * images + 1


@pytest.mark.parametrize("members", [1, 4, 8])
def test_where_calls_are_small_a_flooder_gets_no_more_than_anybody(members: int, image: Image) -> None:
    """His images wait long, because they are many: that is no reason to put them first."""
    table = Table(image, most_rows=2)
    table.come("flooder", 8)
    for number in range(members):
        table.come(f"member-{number}")
    given = sum(table.calls(120 * (members + 1)), Counter())
    assert given["flooder"] == pytest.approx(120, rel=0.05)


def test_overdue_images_go_by_how_long_they_wait(table: Table) -> None:
    """Four images that never come first in their own group go round."""
    table.come("flooder", 3)
    rare = [table.come("flooder", group=Group("tiny", 8, size, 77))[0] for size in (16, 24, 32, 40)]
    table.call()
    table.come("member")
    table.calls(600)
    assert max(steps(rare)) - min(steps(rare)) <= 1


TENANTS = 3
CROWDS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(1, 3), st.sampled_from([SMALL, LARGE]), st.integers(1, 2), st.booleans()
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(CROWDS)
def test_whoever_comes_no_image_waits_without_end(image: Image, crowd: list[tuple[str, int, Group, int, bool]]) -> None:
    table = Table(image)
    images: list[ImageState] = []
    for tenant, jobs, group, rows, lets_a_call_pass in crowd:
        images += table.come(tenant, jobs, group, rows=rows)
        if lets_a_call_pass:
            table.call()
    before = steps(images)
    table.calls(int(PATIENCE * TENANTS * len(images)) + len(images))
    assert all(now > then for now, then in zip(steps(images), before, strict=True))
