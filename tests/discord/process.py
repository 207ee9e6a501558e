"""The bot as a process of its own, as `easel run` has it but for Discord's addresses, so that it can be killed.

`python -m tests.discord.process ADDRESS WORKER NUMBER` is that process; `EaselProcess` starts it and ends it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path

from tests.discord.server import API, TOKEN, FakeDiscord
from tests.discord.state import PATIENCE_S

FAKE_WORKER = (sys.executable, "-m", "tests.discord.worker", "fake")
REAL_WORKER = (sys.executable, "-m", "tests.discord.worker", "real")


class EaselProcess:
    """The bot on a folder that outlives it, connected to a fake Discord.

    Args:
        data_dir: its data folder.
        discord: what it connects to.
        workers: how many; each a process, too.
        worker: what they run.
        environment: more of its settings.
    """

    def __init__(
        self,
        data_dir: Path,
        discord: FakeDiscord,
        *,
        workers: int = 1,
        worker: str = "fake",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.said: list[str] = []
        self._discord = discord
        self._environment = {
            **os.environ,
            "EASEL_DATA_DIR": str(data_dir),
            "DISCORD_TOKEN": TOKEN,
            **(environment or {}),
        }
        self._arguments = (discord.address, worker, str(workers))
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and wait until it is connected."""
        before = self._discord.gateway.identified
        await self.launch()
        await self._discord.gateway.until(lambda it: it.identified > before or self.is_over)
        assert not self.is_over, "\n".join(self.said[-20:])

    async def launch(self) -> None:
        """Start it."""
        command = (sys.executable, "-m", "tests.discord.process", *self._arguments)
        self._process = await asyncio.create_subprocess_exec(*command, env=self._environment, stderr=PIPE)
        self._listening = asyncio.create_task(self._listen(self._process))

    @property
    def is_over(self) -> bool:
        """Whether there is no such process now."""
        return self._process is None or self._process.returncode is not None

    @property
    def workers(self) -> tuple[int, ...]:
        """Process ids of its workers."""
        return () if self._process is None else children(self._process.pid)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit code."""
        assert self._process is not None
        assert self._listening is not None
        async with asyncio.timeout(PATIENCE_S):
            code = await self._process.wait()
            await self._listening
        return code

    async def until_said(self, part: str) -> None:
        """Wait until it has said something in its log."""
        await self._discord.state.changes.until(lambda: any(part in line for line in self.said))

    async def close(self) -> None:
        """End it, whatever it does."""
        if self._process is not None and not self.is_over:
            self.kill()
        if self._process is not None:
            await self.ended()

    async def _listen(self, process: Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self.said.append(line.decode(errors="replace").rstrip())
            self._discord.state.changes.tell()
        await process.wait()
        self._discord.state.changes.tell()


def children(pid: int) -> tuple[int, ...]:
    """Return the ids of the processes that a process made."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return tuple(found)


def main(address: str, worker: str, number: str) -> int:
    """Run the bot, with Discord's addresses replaced and nothing of ours."""
    import discord
    import yarl

    from bot import app
    from bot.settings import load_settings
    from engine.executors.process import ProcessExecutor
    from engine.settings import WorkerSpec

    discord.http.Route.BASE = f"{address}{API}"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"{address.replace('http', 'ws', 1)}/socket")
    settings = load_settings(os.environ)
    engine = app.engine_settings(settings)
    command = FAKE_WORKER if worker == "fake" else REAL_WORKER
    executors = [
        ProcessExecutor(WorkerSpec(f"{worker}-{index}", "cpu", 1), engine.models_file, engine.models_dir, command)
        for index in range(int(number))
    ]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(app.run(settings, executors=executors))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
