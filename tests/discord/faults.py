"""What goes wrong between the bot and Discord, as a test orders it: by rule, in order, never by chance or by time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase

from tests.discord.state import Changes
from tests.discord.values import Json


class Fault(Enum):
    """What happens to a request."""

    ANSWER = "it is answered with an error, and nothing is done"
    DROP = "the connection breaks, and nothing is done"
    LOSE = "it is done, and the connection breaks before the answer"
    HOLD_REQUEST = "it is done when the test lets it"
    HOLD_ANSWER = "it is done, and answered when the test lets it"


@dataclass
class Rule:
    """Applies to the next requests of one kind.

    Args:
        fault: what happens to them.
        method: of the requests; "*" for any.
        path: of the requests, without the part that all have in common; "*" stands for anything.
        times: to how many it applies; None for all until it is lifted.
    """

    fault: Fault
    method: str
    path: str
    times: int | None
    changes: Changes
    status: int = 0
    code: int = 0
    retry_after_s: float = 0.0
    is_global: bool = False
    met: int = 0
    _let_go: asyncio.Event = field(default_factory=asyncio.Event)

    def applies(self, method: str, path: str) -> bool:
        """Return whether it is for such a request, and not used up."""
        if self.times is not None and self.met >= self.times:
            return False
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    def meet(self) -> None:
        """Count a request."""
        self.met += 1
        self.changes.tell()

    async def until_met(self, times: int = 1) -> None:
        """Wait until it applied so often."""
        await self.changes.until(lambda: self.met >= times)

    async def wait_to_go_on(self) -> None:
        """Wait as a held request does."""
        await self._let_go.wait()

    def lift(self) -> None:
        """Let go what it holds, and apply to nothing more."""
        self.times = self.met
        self._let_go.set()

    def body(self) -> Json:
        """Return the error as Discord words it."""
        if self.status == 429:
            told = {"message": "You are being rate limited.", "retry_after": self.retry_after_s}
            return told | {"global": self.is_global}
        return {"message": f"{self.status}: as the test wants it", "code": self.code}

    def headers(self) -> dict[str, str]:
        """Return what comes with the error."""
        if self.status != 429:
            return {}
        scope = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"} if self.is_global else {}
        return {"Via": "1.1 google", "Retry-After": str(self.retry_after_s), **scope}


class Faults:
    """The rules. Of several that apply to a request, the oldest does."""

    def __init__(self, changes: Changes) -> None:
        self.rules: list[Rule] = []
        self._changes = changes

    def fail(
        self,
        method: str,
        path: str,
        status: int,
        code: int = 0,
        *,
        times: int | None = 1,
        retry_after_s: float = 0.0,
        is_global: bool = False,
    ) -> Rule:
        """Answer requests with an error. 429 is told as Discord does, with the time to wait and for what."""
        rule = self._add(Fault.ANSWER, method, path, times)
        rule.status, rule.code, rule.retry_after_s, rule.is_global = status, code, retry_after_s, is_global
        return rule

    def drop(self, method: str, path: str, *, times: int | None = 1) -> Rule:
        """Break the connection instead of doing anything."""
        return self._add(Fault.DROP, method, path, times)

    def lose_answer(self, method: str, path: str, *, times: int | None = 1) -> Rule:
        """Do what is asked, and break the connection before the answer."""
        return self._add(Fault.LOSE, method, path, times)

    def hold_request(self, method: str, path: str, *, times: int | None = 1) -> Rule:
        """Do what is asked, once the rule is lifted."""
        return self._add(Fault.HOLD_REQUEST, method, path, times)

    def hold_answer(self, method: str, path: str, *, times: int | None = 1) -> Rule:
        """Do what is asked, and answer once the rule is lifted."""
        return self._add(Fault.HOLD_ANSWER, method, path, times)

    def lift_all(self) -> None:
        """Go back to a Discord without faults."""
        while self.rules:
            self.rules.pop().lift()

    def rule_for(self, method: str, path: str) -> Rule | None:
        """Return the rule for a request, which counts it."""
        for rule in self.rules:
            if rule.applies(method, path):
                rule.meet()
                return rule
        return None

    def _add(self, fault: Fault, method: str, path: str, times: int | None) -> Rule:
        self.rules.append(rule := Rule(fault, method, path, times, self._changes))
        return rule
