"""Whose images come next: every tenant is given as much of the UNet's calls as any other, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.worker.batch import Batch, Drawing
from engine.worker.jobs import Job

AHEAD = 4.0
"""Row-steps, two steps of an image with guidance: by so much a tenant may have been given more than the one with least.
Seats that nobody else wants are filled with a flooder's images; for those he does not wait longer than this later."""
PATIENCE = 16
"""Calls that an image may wait for its next step, whatever its tenant was given."""
_NEVER = -1


@dataclass(frozen=True, slots=True)
class _Wait:
    """What an image waits for its next step.

    Args:
        since: calls made when it came, or had its last step.
        turn: its place in that call, counted over all images of all calls.
    """

    since: int
    turn: int = _NEVER


class Shares:
    """What each tenant who has images to denoise was given of the calls, in row-steps divided by its weight.

    The order in which jobs come here is the dispatcher's; this is the order of steps among those that are here. Owned
    by the step thread.
    """

    def __init__(self) -> None:
        self._given: dict[str, float] = {}
        self._waits: dict[Drawing, _Wait] = {}
        self._calls = 0
        self._turn = 0

    def in_turn(self, jobs: Iterable[Job]) -> list[Drawing]:
        """Return the images to denoise, in the order in which they should get their next step.

        The tenant who was given least comes first, and a tenant's second image as if the first had its step already.
        Among a tenant's images those whose turn is longest ago come first: newcomers before all. Who comes, starts as
        the one who was given least. Before everybody come images that have waited for too long.
        """
        waiting: dict[str, list[tuple[Drawing, float]]] = {}
        for job in jobs:
            own = [(drawing, drawing.rows / job.request.weight) for drawing in job.drawings if not drawing.denoised]
            if own:
                waiting.setdefault(job.request.tenant, []).extend(own)
        least = min((given for tenant, given in self._given.items() if tenant in waiting), default=0.0)
        self._given = {tenant: min(self._given.get(tenant, least), least + AHEAD) for tenant in waiting}
        images = [drawing for own in waiting.values() for drawing, _ in own]
        self._waits = {drawing: self._waits.get(drawing, _Wait(self._calls)) for drawing in images}
        places: list[tuple[bool, float, int, Drawing]] = []
        for tenant, own in waiting.items():
            given = self._given[tenant]
            for drawing, cost in sorted(own, key=lambda each: self._waits[each[0]].turn):
                wait = self._waits[drawing]
                in_time = self._calls - wait.since < PATIENCE
                places.append((in_time, given if in_time else 0.0, wait.turn, drawing))
                given += cost
        return [drawing for *_, drawing in sorted(places, key=lambda place: place[:3])]

    def count(self, batch: Batch, jobs: Iterable[Job]) -> None:
        """Write a call down to the jobs whose images had a step in it."""
        self._calls += 1
        for drawing in batch.drawings:
            self._turn += 1
            self._waits[drawing] = _Wait(self._calls, self._turn)
        drawn = set(batch.drawings)
        for job in jobs:
            for drawing in drawn.intersection(job.drawings):
                self._given[job.request.tenant] += drawing.rows / job.request.weight
