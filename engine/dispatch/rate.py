"""How fast a worker draws, learned from what it finished."""

from __future__ import annotations

from engine.dispatch.jobs import EngineJob, Group

NEWEST_SHARE = 0.3


class StepRate:
    """An exponential average of row-steps per second."""

    def __init__(self) -> None:
        self._per_s: float | None = None

    def learn(self, row_steps: float, seconds: float) -> None:
        """Take one measurement into the average. One without work or measurable time teaches nothing."""
        if seconds <= 0 or row_steps <= 0:
            return
        newest = row_steps / seconds
        self._per_s = newest if self._per_s is None else self._per_s + NEWEST_SHARE * (newest - self._per_s)

    def seconds_for(self, row_steps: float) -> float | None:
        """Return how long this much work should take; None before the first measurement."""
        return None if self._per_s is None else row_steps / self._per_s


class Rates:
    """A worker's rate for each model and size."""

    def __init__(self) -> None:
        self._rates: dict[Group, StepRate] = {}

    def learn(self, group: Group, row_steps: float, seconds: float) -> None:
        """Take one measurement into the average of its model and size."""
        self._rates.setdefault(group, StepRate()).learn(row_steps, seconds)

    def seconds_for(self, group: Group, row_steps: float) -> float | None:
        """Return how long this much work should take; None for a model that was not measured yet.

        A size that was not measured is taken to cost as the nearest one that was, by its pixels.
        """
        model, width, height = group
        pixels = width * height
        known = [(abs(w * h - pixels), w * h, rate) for (name, w, h), rate in self._rates.items() if name == model]
        for _, other_pixels, rate in sorted(known, key=lambda each: each[0]):
            if (seconds := rate.seconds_for(row_steps)) is not None:
                return seconds * pixels / other_pixels
        return None


class Meter:
    """Measures a worker's rates from the steps it reports, on the engine's clock.

    A job is measured by what the whole batch did while it was in it. One that joins a batch under way is measured from
    there; one that an idle worker gets, from its first step, because before that a model may be loading.
    """

    def __init__(self) -> None:
        self.rates = Rates()
        self.is_stepping = False
        self._row_steps = 0.0
        self._since: dict[str, tuple[float, float]] = {}

    def joined(self, job: EngineJob, now_s: float) -> None:
        """The job is in the batch now."""
        if self.is_stepping:
            self._since[job.job_id] = (now_s, self._row_steps)

    def stepped(self, job: EngineJob, done: float, now_s: float) -> None:
        """The job has come so far, from 0 to 1."""
        self._row_steps += (done - job.done) * job.cost
        job.advance(done)
        self.is_stepping = True
        self._since.setdefault(job.job_id, (now_s, self._row_steps))

    def finished(self, job: EngineJob, now_s: float) -> None:
        """The job has its results."""
        self.stepped(job, 1.0, now_s)
        since_s, row_steps = self._since[job.job_id]
        self.rates.learn(job.group, self._row_steps - row_steps, now_s - since_s)

    def left(self, job: EngineJob) -> None:
        """The job is no longer in the batch, which may be empty now."""
        self._since.pop(job.job_id, None)
        self.is_stepping = self.is_stepping and bool(self._since)
