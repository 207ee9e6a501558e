"""Decide what the owner is told, and when: of troubles of engine and ledger, and of what happened once."""

from __future__ import annotations

from dataclasses import dataclass

from bot.storage import Store
from engine.api import EngineClient

CALM_LOOKS = 20
"""For so many looks in a row a trouble must be gone to be over: a worker that fails again and again is one trouble."""

QUIET_LOOKS = 20
"""So many looks lie between two notices, at least; what comes meanwhile is in the next one."""


@dataclass(frozen=True, slots=True)
class TroubleBegan:
    """Something is wrong that the owner does not know yet, and lasts; each sentence says one thing."""

    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllWell:
    """Everything that the owner was told of is over."""


@dataclass(frozen=True, slots=True)
class News:
    """What has happened, and is over; each sentence says one thing."""

    sentences: tuple[str, ...]


class Watch:
    """Looks at engine and ledger, and remembers what the owner was told. It forgets that when the bot stops.

    Args:
        engine, store: what is looked at.
    """

    def __init__(self, engine: EngineClient, store: Store) -> None:
        self._engine = engine
        self._store = store
        self._told: dict[str, int] = {}  # by what it is about: for how many looks it has been gone
        self._owner_worries = False
        self._since_notice = QUIET_LOOKS

    def look(self) -> TroubleBegan | AllWell | News | None:
        """Return what the owner is to be told now, if anything. To be called at even intervals."""
        troubles = {each.about: each.sentence for each in (*self._engine.status().troubles, *self._store.troubles())}
        gone = {about: 0 if about in troubles else looks + 1 for about, looks in self._told.items()}
        self._told = {about: looks for about, looks in gone.items() if looks < CALM_LOOKS}
        self._since_notice += 1
        if self._since_notice < QUIET_LOOKS:
            return None
        if new := [sentence for about, sentence in troubles.items() if about not in self._told]:
            self._told |= dict.fromkeys(troubles, 0)
            self._owner_worries, self._since_notice = True, 0
            return TroubleBegan(tuple(dict.fromkeys(new)))
        if self._owner_worries and not self._told:
            self._owner_worries, self._since_notice = False, 0
            return AllWell()
        if news := self._store.take_news():
            self._since_notice = 0
            return News(news)
        return None
