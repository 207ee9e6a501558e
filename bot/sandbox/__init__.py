"""Try the bot in a browser: the real bot and engine in a Discord that lives in memory. No token, no network."""

from bot.sandbox.lag import LagOptions, run_lag
from bot.sandbox.live_page import SandboxUnavailable
from bot.sandbox.world import run_sandbox

__all__ = ["LagOptions", "SandboxUnavailable", "run_lag", "run_sandbox"]
