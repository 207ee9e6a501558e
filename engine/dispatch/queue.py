"""The jobs that wait, in the order that is fair."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field

from engine.dispatch.jobs import EngineJob


@dataclass(slots=True)
class _Tenant:
    """One who has jobs here, or had more than a fair share just now.

    Args:
        weight: share against other tenants.
        account: row-steps it was given, divided by its weight.
        jobs: those that wait, by time of acceptance.
        was_served: whether it was given anything since it came.
    """

    weight: float
    account: float
    jobs: list[EngineJob] = field(default_factory=list)
    was_served: bool = False


class StartTimeFairQueue:
    """Start-time fair queueing by tenant: whoever was given least for its weight goes next.

    Each tenant has an account of the row-steps it was given, divided by its weight. The smallest account goes first,
    and pays for a job when the job is taken. The queue's own account grows as that of a tenant who always gets exactly
    its share; who arrives starts there, so that nobody saves up turns while away, and nobody starves behind a stream
    of newcomers. Between equals, who was given nothing yet goes first. A tenant's own jobs go in the order they were
    accepted, which a job submitted again keeps.
    """

    def __init__(self) -> None:
        self._tenants: dict[str, _Tenant] = {}
        self._jobs: dict[str, EngineJob] = {}
        self._account = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def of(self, tenant: str) -> int:
        """Return how many jobs of the tenant wait."""
        return len(self._tenants[tenant].jobs) if tenant in self._tenants else 0

    def put(self, job: EngineJob) -> None:
        """Add a job."""
        request = job.request
        tenant = self._tenants.setdefault(request.tenant, _Tenant(request.weight, self._account))
        tenant.weight = request.weight
        insort(tenant.jobs, job, key=lambda other: other.request.accepted_at)
        self._jobs[job.job_id] = job

    def take(self, job: EngineJob) -> None:
        """Remove a job that is to be drawn now, at its tenant's cost.

        Raises:
            KeyError: it does not wait here.
        """
        tenant = self._tenants[job.request.tenant]
        tenant.account += job.cost / tenant.weight
        tenant.was_served = True
        self._account += job.cost / sum(each.weight for each in self._tenants.values())
        self.remove(job)

    def remove(self, job: EngineJob) -> None:
        """Remove a job that waits here.

        Raises:
            KeyError: it does not.
        """
        del self._jobs[job.job_id]
        self._tenants[job.request.tenant].jobs.remove(job)
        waiting = [tenant.account for tenant in self._tenants.values() if tenant.jobs]
        self._account = max(self._account, min(waiting, default=self._account))
        self._forget()

    def order(self) -> list[EngineJob]:
        """Return the jobs in the order in which they should be taken."""
        turns: list[tuple[float, bool, float, int, EngineJob]] = []
        for tenant in self._tenants.values():
            account, served = tenant.account, tenant.was_served
            for job in tenant.jobs:
                turns.append((account, served, job.request.accepted_at, len(turns), job))
                account, served = account + job.cost / tenant.weight, True
        return [job for *_, job in sorted(turns, key=lambda turn: turn[:4])]

    def _forget(self) -> None:
        """Drop the tenants who have no job here and no more than their share; all of them when nobody waits."""
        self._tenants = {
            name: tenant
            for name, tenant in self._tenants.items()
            if tenant.jobs or (self._jobs and tenant.account > self._account)
        }
