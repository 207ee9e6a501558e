"""In which order images get their next step: fair between tenants, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api import GenerationRequest, ImageSeed, Recipe
from engine.worker.batch import Drawing, Group, pack
from engine.worker.buckets import AnyRows
from engine.worker.conditioning import Conditioning
from engine.worker.jobs import Job
from engine.worker.shares import PATIENCE, Shares

SMALL, LARGE = Group("tiny", 8, 8, 77), Group("tiny", 16, 8, 77)
MOST_ROWS = 8


class Table:
    """Jobs under way, and the calls that are made of them."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._shares = Shares()

    def come(
        self, tenant: str, jobs: int = 1, group: Group = SMALL, weight: float = 1.0, **state: Any
    ) -> list[Drawing]:
        """Let jobs of one image come."""
        recipe = Recipe("tiny", "1", "", "", 64, 64, 50, 3.0, "DDIM", (ImageSeed(7),))
        images = [_image(group, **state) for _ in range(jobs)]
        for image in images:
            request = GenerationRequest(recipe, f"job-{len(self.jobs)}", 1, 0.0, tenant, weight)
            self.jobs.append(Job(request, None, [image], False, 0.0))  # type: ignore[arg-type]
        return images

    def call(self) -> Counter[str]:
        """Make a call; give back how many images each tenant had in it."""
        batch = pack(self._shares.in_turn(self.jobs), MOST_ROWS, {})
        assert batch is not None
        for drawing in batch.drawings:
            drawing.step += 1
        self._shares.count(batch, self.jobs)
        return Counter(job.request.tenant for job in self.jobs if not set(batch.drawings).isdisjoint(job.drawings))

    def calls(self, count: int) -> list[Counter[str]]:
        return [self.call() for _ in range(count)]


def _image(group: Group, rows: int = 2, steps: int = 1000) -> Drawing:
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
    )


@pytest.fixture
def table() -> Table:
    return Table()


def steps(images: Sequence[Drawing]) -> list[int]:
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


def test_a_tenant_of_twice_the_weight_gets_twice_the_steps(table: Table) -> None:
    table.come("heavy", 8, weight=2.0)
    table.come("light", 8)
    given = sum(table.calls(30), Counter())
    assert given["heavy"] == pytest.approx(2 * given["light"], abs=2)


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


def test_an_image_waits_for_so_many_calls_at_most(table: Table) -> None:
    """Its tenant rides along in calls that are made for another, and was never given least."""
    table.come("flooder", 3)
    rare = table.come("flooder", group=LARGE)
    table.call()
    table.come("member")
    gaps, before = [], steps(rare)
    for number in range(8 * PATIENCE):
        table.call()
        if steps(rare) != before:
            gaps.append(number)
            before = steps(rare)
    assert max(later - sooner for sooner, later in pairwise(gaps)) == PATIENCE + 1


CROWDS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(1, 3), st.sampled_from([SMALL, LARGE]), st.integers(1, 2), st.booleans()
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(CROWDS)
def test_whoever_comes_no_image_waits_without_end(crowd: list[tuple[str, int, Group, int, bool]]) -> None:
    table = Table()
    images: list[Drawing] = []
    for tenant, jobs, group, rows, lets_a_call_pass in crowd:
        images += table.come(tenant, jobs, group, rows=rows)
        if lets_a_call_pass:
            table.call()
    before = steps(images)
    table.calls(PATIENCE + len(images))
    assert all(now > then for now, then in zip(steps(images), before, strict=True))
