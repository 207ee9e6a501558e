"""`python -m tests.discord.worker fake|real ...`: a worker that kills itself over each job of POISON_STEPS steps.

The fake one is the fake executor in a process, without torch. The real one is Easel's own worker.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from engine.wire import LENGTH, FromWorker, JobProgress, Stop, decode_to_worker, frame

POISON_STEPS = 13
ROWS = 8
STEP_S = 0.01


async def fake(name: str) -> None:
    """Draw coloured squares for whoever is at stdin, until told to stop."""
    from engine.api import GenerationRequest
    from engine.executors.fake import FakeExecutor, FakePlan
    from engine.executors.port import WorkerGone

    def plan(request: GenerationRequest) -> FakePlan:
        poison = request.recipe.steps == POISON_STEPS
        return FakePlan(die_at_step=1 + request.recipe.images[0].seed % POISON_STEPS if poison else None)

    worker = FakeExecutor(name, plan, rows=ROWS, step_s=STEP_S, room=4)
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.send, Stop())
    stdin = asyncio.StreamReader(limit=2**26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)

    async def hear() -> None:
        try:
            while True:
                (length,) = LENGTH.unpack(await stdin.readexactly(LENGTH.size))
                worker.send(decode_to_worker(await stdin.readexactly(length)))
        except asyncio.IncompleteReadError:
            os._exit(0)  # the bot is gone

    output.write(frame(await worker.start()))
    hearing = asyncio.create_task(hear())
    try:
        while True:
            output.write(frame(await worker.receive()))
    except WorkerGone as gone:
        hearing.cancel()
        if "died" in str(gone):
            os.kill(os.getpid(), signal.SIGKILL)


def real() -> int:
    """Draw as Easel's own worker does."""
    from engine.catalog import load_catalog
    from engine.worker.__main__ import device_from, open_process, worker_options

    options = worker_options("tests.discord.worker").parse_args(sys.argv[2:])
    inbox, channel = open_process(options.name)
    from engine.worker.loop import run_worker

    def send(message: FromWorker) -> None:
        if isinstance(message, JobProgress) and message.total == POISON_STEPS:
            os.kill(os.getpid(), signal.SIGKILL)
        channel.send(message)

    catalog = load_catalog(options.models, options.models_dir)
    return run_worker(options.name, device_from(options), catalog, inbox, send)


if __name__ == "__main__":
    if sys.argv[1] == "fake":
        asyncio.run(fake(sys.argv[sys.argv.index("--name") + 1]))
        os._exit(0)
    os._exit(real())
