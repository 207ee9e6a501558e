"""Whose images come next: those of the tenant who was given least of the UNet's calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from engine.api import GenerationRequest
from engine.worker.sampling.batch import NEVER, Batch, ImageState

AHEAD = 4.0
"""Row-steps, two steps of an image with guidance: so many may a tenant be ahead of who was given least. Seats that
nobody else wants are filled with a flooder's images; for those he does not wait longer than this later."""
PATIENCE = 2.0
"""How many times as long an image may wait as if each call had one, in turn by the tenants' weights."""


class Drawn(Protocol):
    """A tenant's job, as far as it matters here."""

    @property
    def request(self) -> GenerationRequest:
        """Whose it is, with which weight."""
        ...

    @property
    def image_states(self) -> Sequence[ImageState]:
        """Its images."""
        ...


class StepFairness:
    """What each tenant who has images to denoise was given of the calls, in row-steps divided by its weight.

    The order in which jobs come here is the dispatcher's; this is the order of steps among those that are here. Counted
    from who was given least, who is at 0. Owned by the step thread.
    """

    def __init__(self) -> None:
        self._given: dict[str, float] = {}
        self._calls = 0
        self._turn = 0

    def in_turn(self, jobs: Iterable[Drawn]) -> list[ImageState]:
        """Return the images to denoise, in the order in which they should get their next step.

        The tenant who was given least comes first, and a tenant's second image as if the first had its step already.
        Among a tenant's images those whose turn is longest ago come first: newcomers before all. Who comes, starts as
        the one who was given least. Before everybody come images that have waited for too long.
        """
        waiting: dict[str, list[ImageState]] = {}
        weights: dict[str, float] = {}
        for job in jobs:
            if images := [image for image in job.image_states if not image.denoised]:
                waiting.setdefault(job.request.tenant, []).extend(images)
                weights[job.request.tenant] = job.request.weight
        self._settle(weights)
        places: list[tuple[bool, float, int, ImageState]] = []
        for tenant, own in waiting.items():
            given, weight = self._given[tenant], weights[tenant]
            patience = PATIENCE * len(own) * sum(weights.values()) / weight
            for image in sorted(own, key=lambda each: each.turn):
                if image.waits_since == NEVER:
                    image.waits_since = self._calls
                in_time = self._calls - image.waits_since < patience
                places.append((in_time, given if in_time else 0.0, image.turn, image))
                given += image.rows / weight
        return [image for *_, image in sorted(places, key=lambda place: place[:3])]

    def count(self, batch: Batch, jobs: Iterable[Drawn]) -> None:
        """Write a call down to the jobs whose images had a step in it."""
        self._calls += 1
        for image in batch.image_states:
            self._turn += 1
            image.turn, image.waits_since = self._turn, self._calls
        drawn = set(batch.image_states)
        for job in jobs:
            for image in drawn.intersection(job.image_states):
                self._given[job.request.tenant] += image.rows / job.request.weight

    def _settle(self, weights: dict[str, float]) -> None:
        """Forget who has nothing to denoise, let in who has, and let nobody be too far ahead."""
        least = min((given for tenant, given in self._given.items() if tenant in weights), default=0.0)
        self._given = {
            tenant: min(self._given.get(tenant, least) - least, AHEAD / weight) for tenant, weight in weights.items()
        }
