"""The probe notices a loop that is blocked, and where."""

import asyncio
import time

from bot.sandbox.probe import SLOW_S, LoopProbe

PATIENCE_S = 600.0


async def test_a_loop_that_is_blocked_is_late_by_as_long_and_found_at_work() -> None:
    probe = LoopProbe(asyncio.get_running_loop())
    probe.start()
    began_s = time.perf_counter()
    while not probe.slow and time.perf_counter() - began_s < PATIENCE_S:
        pass  # nothing else runs in this loop until the probe has seen it
    await probe.stop()
    answered_s = time.perf_counter() - began_s

    assert probe.slow.total() >= 1
    assert SLOW_S < max(probe.lags_s) <= answered_s
    answered = len(probe.lags_s)
    await asyncio.sleep(0)
    assert len(probe.lags_s) == answered
