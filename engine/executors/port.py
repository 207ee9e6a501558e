"""The ports between the dispatcher and whatever runs a worker, or a pull."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from engine.wire import FromWorker, Ready, ToWorker


class WorkerGone(Exception):
    """The worker is no longer there: it exited, was killed, or its channel broke. `str()` says what is known."""


class Executor(Protocol):
    """One worker, wherever it runs. Started, stopped and started again by one owner, the dispatcher."""

    @property
    def name(self) -> str:
        """Name of the worker, unique in the engine, e.g. "cpu-0"."""

    async def start(self) -> Ready:
        """Start the worker and wait until it may be given jobs.

        Raises:
            SafetyUnavailable: the worker's safety gate failed its proof.
            WorkerGone: the worker ended before it was ready.
        """

    def send(self, message: ToWorker) -> None:
        """Send a message, at once. Lost silently if the worker is gone: `receive` tells."""

    async def receive(self) -> FromWorker:
        """Return the worker's next message.

        Raises:
            WorkerGone: there will be none. `start` may be called again.
        """

    async def stop(self) -> None:
        """End the worker, first by asking, then by force. Never raises; safe to call twice or before `start`."""


class PullFailed(Exception):
    """A model could not be pulled. `str()` says why, without a full stop."""


class Puller(Protocol):
    """Brings the files of models here."""

    def is_here(self, model: str) -> bool:
        """Tell whether a model of the catalogue can be loaded from this machine."""

    def pull(self, model: str) -> AsyncGenerator[float, None]:
        """Bring a model here, yielding how much of it is, from 0.0 to 1.0.

        Raises:
            PullFailed: it cannot be had now.
        """
