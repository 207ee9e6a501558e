"""The jobs that wait for one worker."""

from __future__ import annotations

from bisect import insort
from itertools import zip_longest

from engine.dispatch.jobs import EngineJob


class FairQueue:
    """Tenants take turns; a tenant's own jobs go in the order they were accepted.

    A job that is submitted again keeps its `accepted_at`, and so its place before the tenant's later jobs.
    """

    def __init__(self) -> None:
        self._tenants: dict[str, list[EngineJob]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._tenants.values()))

    def put(self, job: EngineJob) -> None:
        """Add a job."""
        insort(self._tenants.setdefault(job.request.tenant, []), job, key=lambda other: other.request.accepted_at)

    def take(self) -> EngineJob:
        """Remove and return the next job; its tenant goes to the end of the line.

        Raises:
            IndexError: the queue is empty.
        """
        if not self._tenants:
            raise IndexError("the queue is empty")
        tenant = next(iter(self._tenants))
        first, *rest = self._tenants.pop(tenant)
        if rest:
            self._tenants[tenant] = rest
        return first

    def remove(self, job: EngineJob) -> None:
        """Remove a job that waits here.

        Raises:
            KeyError, ValueError: it does not.
        """
        jobs = self._tenants[job.request.tenant]
        jobs.remove(job)
        if not jobs:
            del self._tenants[job.request.tenant]

    def order(self) -> list[EngineJob]:
        """Return the jobs in the order in which `take` would."""
        turns = zip_longest(*self._tenants.values())
        return [job for turn in turns for job in turn if job is not None]
