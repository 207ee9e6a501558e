"""How long an event loop lets a callback wait, asked all the time from a thread of its own."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections import Counter, deque
from types import FrameType

EVERY_S = 0.005
SLOW_S = 0.010

IDLE = "the system: no core was free for the loop"
ELSEWHERE = "elsewhere"
_PARTS = ("bot", "engine", "discord", "simcord", "aiosqlite", "msgspec")


class LoopProbe:
    """Has the loop call back every EVERY_S seconds, also while it is late, and notes each time how late it was.

    What the loop's thread does while an answer is later than SLOW_S is looked at with every further question.

    Args:
        loop: the running one, in whose thread this is made.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lags_s: list[float] = []
        self.slow: Counter[str] = Counter()
        """By part and function: how many looks found the loop there."""
        self.collected_s: list[float] = []
        """How long each search for garbage stopped everything."""
        # Bound now, before anything that comes later changes the loop's methods.
        self._call = loop.call_soon_threadsafe
        self._loop_thread = threading.get_ident()
        self._open: deque[float] = deque()
        self._collecting_since_s = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="loop probe", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        gc.callbacks.append(self._note_collection)
        self._thread.start()

    async def stop(self) -> None:
        """Ask no more, and wait for the last answer."""
        self._stopped.set()
        await asyncio.to_thread(self._thread.join)
        gc.callbacks.remove(self._note_collection)

    def _ask(self) -> None:
        while not self._stopped.wait(EVERY_S):
            self._look()
            asked_s = time.perf_counter()
            self._open.append(asked_s)
            self._call(self._answer)

    def _answer(self) -> None:
        self.lags_s.append(time.perf_counter() - self._open.popleft())

    def _note_collection(self, phase: str, _info: object) -> None:
        if phase == "start":
            self._collecting_since_s = time.perf_counter()
        else:
            self.collected_s.append(time.perf_counter() - self._collecting_since_s)

    def _look(self) -> None:
        try:
            oldest_s = self._open[0]
        except IndexError:
            return
        if time.perf_counter() - oldest_s > SLOW_S:
            self.slow[_place(sys._current_frames().get(self._loop_thread))] += 1


def _place(frame: FrameType | None) -> str:
    """Return the innermost function of one of the parts; IDLE for a loop that waits, ELSEWHERE for anything else."""
    if frame is not None and frame.f_code.co_name == "select":
        return IDLE
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in _PARTS:
            return f"{module}.{frame.f_code.co_name}"
        frame = frame.f_back
    return ELSEWHERE
