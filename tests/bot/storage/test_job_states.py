"""The state machine of a job: any sequence of moves, against the table of legal ones."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.policy import Limits
from bot.domain.records import MOVES, UNFINISHED, Generation, JobKind, JobState, Place
from bot.storage import IllegalMove, NewJob, Store, open_store
from engine.api import Finished, GenerationFailed, ImageResult, ImageSeed, Provenance, Recipe, Verdict

LIMITS = Limits(pictures_per_request=4, pictures_per_day=20, pictures_at_once=8, largest_side=64, most_steps=50)
RECIPE = Recipe("pocket", "1", "a red apple", "", 64, 64, 20, 4.5, "Euler", (ImageSeed(7),))
JOB = NewJob("abcdefghij", JobKind.IMAGINE, RECIPE, 1, Place(11, 22), 1000.0)
RESULT = Finished((ImageResult(0, Verdict.BLOCK, "planned"),), None, Provenance("fake-0", "cpu", 1, "float32", (), 1.0))

Move = Callable[[Store], Awaitable[Generation | None]]

ACTIONS: dict[str, tuple[JobState, frozenset[JobState], Move]] = {
    "start": (JobState.RUNNING, frozenset({JobState.ACCEPTED}), lambda store: store.jobs.start(JOB.id)),
    "wait again": (JobState.ACCEPTED, UNFINISHED, lambda store: store.jobs.wait_again(JOB.id)),
    "finish": (JobState.FINISHED, frozenset({JobState.RUNNING}), lambda store: store.finish(JOB.id, RESULT)),
    "fail": (JobState.FAILED, UNFINISHED, lambda store: store.jobs.fail(JOB.id, GenerationFailed("boom"), 1.0)),
    "cancel": (JobState.CANCELLED, UNFINISHED, lambda store: store.jobs.cancel(JOB.id, 1.0)),
    "deliver": (JobState.DELIVERED, frozenset({JobState.FINISHED}), lambda store: store.jobs.deliver(JOB.id, 5, {})),
    "withhold": (JobState.WITHHELD, frozenset({JobState.FINISHED}), lambda store: store.jobs.withhold(JOB.id)),
    "give up": (
        JobState.FAILED,
        frozenset({JobState.FINISHED}),
        lambda store: store.jobs.give_up_delivery(JOB.id, "channel_gone"),
    ),
    "delete": (JobState.DELETED, frozenset(JobState) - {JobState.DELETED}, lambda store: store.delete(JOB.id)),
}


async def play(names: list[str], stop_before: int) -> list[JobState]:
    """Make the moves in a new ledger, stopping and starting the bot before one of them. Returns the states."""
    with tempfile.TemporaryDirectory() as folder:
        states = [JobState.ACCEPTED]
        async with open_store(Path(folder), LIMITS) as store:
            await store.jobs.accept([JOB], lambda policy, usage: None)
            await _make_moves(store, names[:stop_before], states)
        async with open_store(Path(folder), LIMITS) as store:
            await _make_moves(store, names[stop_before:], states)
    return states


async def _make_moves(store: Store, names: list[str], states: list[JobState]) -> None:
    for name in names:
        to, legal_from, move = ACTIONS[name]
        try:
            await move(store)
        except IllegalMove as refused:
            refusals = {refused.state} - legal_from
            assert refusals == {states[-1]}, name
        else:
            assert states[-1] in legal_from, name
            states.append(to)
        kept = await store.jobs.get(JOB.id)
        assert kept is not None
        assert kept.state is states[-1]
        assert len(kept.pictures) == (JobState.FINISHED in states)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=12), st.integers(0, 12))
def test_any_moves_keep_to_the_table_and_end_a_job_at_most_once(names: list[str], stop_before: int) -> None:
    steps = list(pairwise(asyncio.run(play(names, stop_before))))
    assert all(after in MOVES[before] for before, after in steps)
    ends = [after for before, after in steps if before in UNFINISHED and after not in UNFINISHED]
    assert len(ends) <= 1
    assert bool(ends) == bool(steps and steps[-1][1] not in UNFINISHED)


def test_every_state_can_be_reached_and_every_way_ends() -> None:
    reached = {JobState.ACCEPTED}
    while more := {after for state in reached for after in MOVES[state]} - reached:
        reached |= more
    assert reached == set(JobState)
    assert [state for state in JobState if not MOVES[state]] == [JobState.DELETED]
