"""Decide which updates of a job are worth an edit of its message."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.records import Generation
from bot.texts import cards
from bot.texts.cards import MessageContent
from bot.usecases.running_jobs import Drawing, Waiting
from engine.api import Preview

EDIT_EVERY_S = 1.5

_UNKNOWN = Preview(-1, None)


class ProgressCards:
    """Decides which updates of one job are worth an edit, at most one every EDIT_EVERY_S."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._edited_at: float | None = None
        self._preview: Preview | None = None
        self._shown: Preview | None = _UNKNOWN  # an earlier process may have shown one

    def content(self, generation: Generation, update: Waiting | Drawing) -> MessageContent | None:
        """Return the card to show now, or None if it is too early for another edit.

        It is never too early to take away a preview that must not be seen any more.
        """
        if isinstance(update, Waiting):
            self._preview = None  # it was of an attempt that is over
        elif update.preview is not None:
            self._preview = update.preview
        now = self._clock()
        withdrawn = self._preview != self._shown and self._preview is not None and self._preview.picture is None
        if not withdrawn and self._edited_at is not None and now - self._edited_at < EDIT_EVERY_S:
            return None
        self._edited_at = now
        new, self._shown = self._preview != self._shown, self._preview
        if isinstance(update, Waiting):
            return cards.waiting(generation, update)
        return cards.drawing(generation, Drawing(update.step, update.total, self._preview), new=new)

    def lost(self) -> None:
        """Note that the last card did not reach the message, so that nobody knows which preview it shows."""
        self._shown = _UNKNOWN
