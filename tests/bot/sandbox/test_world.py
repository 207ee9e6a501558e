"""The sandbox opens, says where, and leaves when told."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from bot.sandbox.world import open_world
from bot.settings import load_settings
from engine.executors.fake import FakeExecutor, FakePlan

TIMEOUT_S = 600


async def _demo(port: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "demo", "--port", str(port), stdout=PIPE, stderr=PIPE, start_new_session=True
    )


async def test_the_sandbox_prints_its_address_and_leaves_cleanly_on_interrupt() -> None:
    async with asyncio.timeout(TIMEOUT_S):
        demo = await _demo(0)
        assert demo.stdout is not None
        first = (await demo.stdout.readline()).decode()
        os.kill(demo.pid, signal.SIGINT)
        out, err = await demo.communicate()
    assert "http://127.0.0.1:" in first
    assert "The sandbox is closed." in out.decode()
    assert "Traceback" not in err.decode()
    assert demo.returncode == 0


async def test_a_taken_port_gets_one_sentence_that_names_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with asyncio.timeout(TIMEOUT_S):
            demo = await _demo(taken.getsockname()[1])
            _, err = await demo.communicate()
    assert demo.returncode == 2
    assert err.decode().splitlines()[-1].endswith("Try another --port.")
    assert "Traceback" not in err.decode()


async def test_a_picture_whose_worker_died_is_tried_again_in_the_sandbox_too(tmp_path: Path) -> None:
    worker = FakeExecutor(plan=lambda request: FakePlan(die_at_step=2 if request.attempt == 1 else None))
    settings = load_settings({"EASEL_DATA_DIR": str(tmp_path)})
    async with asyncio.timeout(TIMEOUT_S), open_world(settings, [worker]) as env:
        delivered = asyncio.Event()
        guild = env.create_guild("Studio")
        channel = guild.create_text_channel("drawing")
        member = guild.add_member(env.create_user("mia"))
        result = await member.slash(channel, "imagine", prompt="a red apple")
        env.backend.subscribers.append(lambda *change: delivered.set() if result.response.attachments else None)
        if not result.response.attachments:
            await delivered.wait()

    assert [request.attempt for request in worker.requests] == [1, 2]
