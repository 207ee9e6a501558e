"""A worker in a process of its own: `python -m engine.worker`, framed messages over its stdin and stdout."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.api import SafetyUnavailable
from engine.children import child_environment, kill
from engine.executors.port import WorkerGone
from engine.settings import WorkerSpec
from engine.wire import LENGTH, MAX_FRAME_BYTES, FromWorker, Ready, Stop, ToWorker, Unfit, decode_from_worker, frame

WORKER_COMMAND = (sys.executable, "-m", "engine.worker")
STOP_GRACE_S = 5.0
TERMINATE_GRACE_S = 2.0
_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYTHONUNBUFFERED": "1",
}

log = logging.getLogger(__name__)


class ProcessExecutor:
    """Implements `Executor`. The worker's stderr goes to the log; its last line explains a death.

    Args:
        spec: of the worker.
        models_file, models_dir: the catalogue that the worker reads.
        command: program and first arguments of the worker.
    """

    def __init__(
        self, spec: WorkerSpec, models_file: Path, models_dir: Path, command: Sequence[str] = WORKER_COMMAND
    ) -> None:
        self._spec = spec
        self._arguments = (
            *command,
            *("--name", spec.name, "--device", spec.device),
            *("--threads", str(spec.threads), "--service", spec.service),
            *("--models", str(models_file), "--models-dir", str(models_dir)),
            *("--memory", spec.memory),
            *(("--compile",) if spec.compile else ()),
            *(() if spec.ram_gb is None else ("--ram-gb", str(spec.ram_gb))),
        )
        self._process: Process | None = None
        self._stderr: asyncio.Task[None] | None = None
        self._is_ready = False
        self._last_words = ""

    @property
    def name(self) -> str:
        """Name of the worker."""
        return self._spec.name

    @property
    def pid(self) -> int | None:
        """Process id; None when there is no process."""
        return None if self._process is None else self._process.pid

    async def start(self) -> Ready:
        """Start the process and wait for its first message.

        Raises:
            SafetyUnavailable: the worker said that its gate failed its proof.
            WorkerGone: it could not be started, or ended first.
        """
        await self.stop()
        self._is_ready, self._last_words = False, ""
        try:
            env = child_environment(**_ENVIRONMENT, OMP_NUM_THREADS=str(self._spec.threads))
            # A process group of its own: Ctrl-C in the terminal reaches the engine, which then ends its workers.
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=env, process_group=0
            )
        except OSError as error:
            raise WorkerGone(f"{self.name} could not be started: {error}") from error
        self._stderr = asyncio.create_task(self._log_stderr(self._process), name=f"stderr of {self.name}")
        message = await self.receive()
        if isinstance(message, Unfit):
            await self.stop()
            raise SafetyUnavailable(message.reason)
        if not isinstance(message, Ready):
            raise WorkerGone(f"{self.name} sent {type(message).__name__} before it was ready")
        self._is_ready = True
        return message

    def send(self, message: ToWorker) -> None:
        """Send a message, at once."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(frame(message))

    async def receive(self) -> FromWorker:
        """Return the worker's next message.

        Raises:
            WorkerGone: the process ended, or sent what is no message.
        """
        if self._process is None or self._process.stdout is None:
            raise WorkerGone(f"{self.name} does not run")
        try:
            (length,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
            if length > MAX_FRAME_BYTES:
                raise WorkerGone(f"{self.name} announced a message of {length} bytes")
            return decode_from_worker(await self._process.stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerGone(await self._obituary(self._process)) from error
        except msgspec.DecodeError as error:
            raise WorkerGone(f"{self.name} sent what is no message: {error}") from error

    async def stop(self) -> None:
        """Ask the process to end, then make it."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(frame(Stop()))
            process.stdin.close()
        # Whatever it still says is thrown away, so that a full pipe does not keep it from ending.
        leftovers = [asyncio.create_task(_discard(process))]
        if self._stderr is not None:
            leftovers.append(self._stderr)
        try:
            # A worker that is still loading does not listen yet, and has nothing to lose.
            if not await _ends_within(process, STOP_GRACE_S if self._is_ready else 0):
                with suppress(ProcessLookupError):
                    process.terminate()
                await _ends_within(process, TERMINATE_GRACE_S)
        finally:
            await kill(process)
            _, open_still = await asyncio.wait(leftovers, timeout=TERMINATE_GRACE_S)
            for task in open_still:
                task.cancel()

    async def _log_stderr(self, process: Process) -> None:
        assert process.stderr is not None
        while line := await _line(process.stderr):
            self._last_words = line
            log.info("%s: %s", self.name, line)

    async def _obituary(self, process: Process) -> str:
        if not await _ends_within(process, TERMINATE_GRACE_S):
            return f"{self.name} closed its output but did not end"
        if self._stderr is not None:
            await asyncio.wait([self._stderr], timeout=TERMINATE_GRACE_S)
        code = process.returncode or 0
        if code < 0:
            return f"{self.name} was ended by {signal.Signals(-code).name}"
        return f"{self.name} exited with code {code}" + (f": {self._last_words}" if self._last_words else "")


async def _line(stream: asyncio.StreamReader) -> str:
    """Return the next line that is not blank; empty at the end. An endless line comes in pieces."""
    while True:
        try:
            raw = await stream.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            return error.partial.decode(errors="replace").strip()
        except asyncio.LimitOverrunError as error:
            raw = await stream.read(error.consumed)
        if line := raw.decode(errors="replace").strip():
            return line


async def _discard(process: Process) -> None:
    assert process.stdout is not None
    while await process.stdout.read(2**16):
        pass


async def _ends_within(process: Process, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
    except TimeoutError:
        return False
    return True
