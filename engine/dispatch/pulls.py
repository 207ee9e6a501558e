"""Models whose files are not here yet: their jobs wait in the line while one pull brings them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from engine.api import Trouble
from engine.executors.port import Puller, PullFailed

FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A pull that failed; until `until_s`, on the loop's clock in seconds, it is not tried again."""

    reason: str
    failures: int
    until_s: float


class Pulls:
    """The pulls under way, one for each model, and those that failed.

    Args:
        puller: brings files.
        changed: called without waiting when the dispatcher should look again.
    """

    def __init__(self, puller: Puller, changed: Callable[[], None]) -> None:
        self._puller = puller
        self._changed = changed
        self._here: set[str] = set()
        self._shares: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, _Failure] = {}

    def needs(self, model: str) -> bool:
        """Tell whether a model cannot be drawn with before it is pulled."""
        if model not in self._here and model not in self._tasks and self._puller.is_here(model):
            self._here.add(model)
        return model not in self._here

    def share(self, model: str) -> float | None:
        """Return how much of a model is here; None when it is not being pulled."""
        return self._shares.get(model)

    def why_not(self, model: str) -> str:
        """Return why a model cannot be pulled; empty when it may be tried."""
        failure = self._failures.get(model)
        return failure.reason if failure and _now_s() < failure.until_s else ""

    def start(self, model: str) -> None:
        """Begin to pull a model, unless that is under way."""
        if model not in self._tasks:
            self._shares[model] = 0.0
            self._tasks[model] = asyncio.create_task(self._pull(model), name=f"pull of {model}")

    def troubles(self) -> list[Trouble]:
        """Return what the owner should know."""
        return [
            Trouble(f"pull of {model}", f"The model {model!r} could not be pulled: {each.reason}.")
            for model, each in self._failures.items()
        ]

    async def close(self) -> None:
        """Break off the pulls under way; what came stays for the next."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pull(self, model: str) -> None:
        log.info("pulling %s", model)
        try:
            async with aclosing(self._puller.pull(model)) as shares:
                async for share in shares:
                    self._shares[model] = share
                    self._changed()
            self._failures.pop(model, None)
            log.info("pulled %s", model)
        except PullFailed as error:
            self._fail(model, str(error))
        except Exception as error:
            log.exception("the pull of %s: unexpected", model)
            self._fail(model, repr(error))
        finally:
            del self._tasks[model], self._shares[model]
            self._changed()

    def _fail(self, model: str, reason: str) -> None:
        failures = 1 + (self._failures[model].failures if model in self._failures else 0)
        pause_s = min(FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S)
        self._failures[model] = _Failure(reason, failures, _now_s() + pause_s)
        log.error("%s cannot be pulled, next try in %g s at the earliest: %s", model, pause_s, reason)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
