"""simcord without its patience: a member's action returns at once, so that many can be under way together.

As it comes, every action waits until the bot has nothing left to do, and looks at all of the bot's tasks for that again
and again. Private names of simcord are used here and in `live_page` only.
"""

from __future__ import annotations

from typing import Any

from bot.client import EaselBot


def impatient_env(bot: EaselBot) -> Any:
    """Return a Discord in memory for a bot, not started. Set its `is_impatient` once it is.

    Timers that the bot's own tasks set do not fire in it.
    """
    import simcord

    class ImpatientEnv(simcord.Env):
        is_impatient = False

        async def _settle_internal(self, **options: Any) -> None:
            if not self.is_impatient:
                await super()._settle_internal(**options)

    return ImpatientEnv(bot, shard_count=1, check_errors=False)
