"""The bench's processes: contenders that serve requests, and the one that measures the row ceiling."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.api import EngineClient, Failed, Finished, GenerationRequest, ImageResult, Started
from engine.children import child_environment, kill
from engine.executors.port import Executor, WorkerGone
from engine.executors.process import ProcessExecutor
from engine.service import open_engine
from engine.settings import EngineSettings, Service, WorkerSpec
from engine.wire import Draw, FromWorker, JobFailed, JobFinished, JobStarted, Ready, ToWorker
from engine.wire.contenders import Contender, load_contested
from engine.wire.shared_counters import SharedCounters

BENCH_WORKER = (sys.executable, "-m", "engine.worker.bench")
UNBOUNDED = 10_000


class BenchError(Exception):
    """The bench cannot go on; `str()` is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What all contenders draw on.

    Args:
        device: torch device, e.g. "cpu".
        threads: CPU threads of each worker's torch.
        models_file, models_dir: the catalogue that they draw from.
        folder: for the bench's own files.
        made: whether the models were made for the bench, with random weights.
    """

    device: str
    threads: int
    models_file: Path
    models_dir: Path
    folder: Path
    made: bool


@dataclass(frozen=True, slots=True)
class Served:
    """What became of a request, on the loop's clock in seconds.

    Args:
        started_s: when its first step was about to be taken.
        ended_s: when its result was there.
        result: the gate's verdict and the picture.
    """

    started_s: float
    ended_s: float
    result: ImageResult


@dataclass(frozen=True, slots=True)
class Running:
    """A contender whose worker runs.

    Args:
        contender: which.
        rows: that one of its UNet calls may have.
        draw: has a request served.
        tally: what its worker counts.
        heard: the messages to and from its worker so far.
    """

    contender: Contender
    rows: int
    draw: Callable[[GenerationRequest], Coroutine[Any, Any, Served]]
    tally: SharedCounters
    heard: list[ToWorker | FromWorker]


class Recorded:
    """An `Executor` that remembers what was said.

    Args:
        executor: the real one.
    """

    def __init__(self, executor: Executor) -> None:
        self.heard: list[ToWorker | FromWorker] = []
        self.rows = 0
        self._executor = executor

    @property
    def name(self) -> str:
        """Name of the worker."""
        return self._executor.name

    async def start(self) -> Ready:
        """See `Executor`."""
        ready = await self._executor.start()
        self.rows = ready.rows
        return ready

    def send(self, message: ToWorker) -> None:
        """See `Executor`."""
        self.heard.append(message)
        self._executor.send(message)

    async def receive(self) -> FromWorker:
        """See `Executor`."""
        message = await self._executor.receive()
        self.heard.append(message)
        return message

    async def stop(self) -> None:
        """See `Executor`."""
        await self._executor.stop()


@asynccontextmanager
async def open_contender(contender: Contender, machine: Machine, profile: bool = False) -> AsyncIterator[Running]:
    """Run a contender: Easel behind its dispatcher, the others with every request handed over as it comes.

    Args:
        contender: which.
        machine: what it draws on.
        profile: whether its worker finds out where its time goes, which takes some; of Easel only.

    Raises:
        BenchError: its worker cannot be started.
    """
    service: Service = "exact" if contender is Contender.EXACT else "fast"
    path = machine.folder / f"{contender}{'-profile' * profile}.tally"
    command = (
        *BENCH_WORKER,
        "serve",
        "--contender",
        contender,
        "--tally",
        str(path),
        *(("--profile",) if profile else ()),
        *(("--made",) if machine.made else ()),
    )
    spec = WorkerSpec(contender, machine.device, machine.threads, service)
    executor = Recorded(ProcessExecutor(spec, machine.models_file, machine.models_dir, command))
    if contender.is_easel:
        settings = EngineSettings(queue_limit=UNBOUNDED, queue_limit_per_tenant=UNBOUNDED)
        catalog = load_contested(machine.models_file, machine.models_dir, machine.made)
        async with open_engine(settings, catalog, [executor]) as engine:
            while not (status := engine.status()).workers:
                if status.trouble:
                    raise BenchError(status.trouble)
                await asyncio.sleep(0.05)
            yield Running(contender, executor.rows, _Behind(engine).draw, SharedCounters(path), executor.heard)
    else:
        async with _open_line(executor) as line:
            yield Running(contender, executor.rows, line.draw, SharedCounters(path), executor.heard)


class _Behind:
    """Has requests served by an engine."""

    def __init__(self, engine: EngineClient) -> None:
        self._engine = engine

    async def draw(self, request: GenerationRequest) -> Served:
        started_s = now_s()
        async for event in self._engine.submit(request):
            match event:
                case Started():
                    started_s = now_s()
                case Finished(images):
                    return Served(started_s, now_s(), images[0])
                case Failed(error):
                    raise BenchError(error.sentence())
        raise BenchError("A request was cancelled.")


class _Line:
    """Hands requests to a worker as they come, and waits for what it says of them."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._started_s: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[Served]] = {}

    async def draw(self, request: GenerationRequest) -> Served:
        future: asyncio.Future[Served] = asyncio.get_running_loop().create_future()
        self._waiting[request.job_id] = future
        self._executor.send(Draw(request))
        return await future

    async def hear(self) -> None:
        try:
            while True:
                self._take(await self._executor.receive())
        except WorkerGone as error:
            for future in self._waiting.values():
                future.set_exception(BenchError(f"A worker ended: {error}."))

    def _take(self, message: FromWorker) -> None:
        match message:
            case JobStarted(job_id):
                self._started_s[job_id] = now_s()
            case JobFinished(job_id, images):
                self._waiting.pop(job_id).set_result(Served(self._started_s.pop(job_id), now_s(), images[0]))
            case JobFailed(job_id, code):
                self._waiting.pop(job_id).set_exception(BenchError(f"A request failed: {code}."))


@asynccontextmanager
async def _open_line(executor: Executor) -> AsyncIterator[_Line]:
    try:
        await executor.start()
        line = _Line(executor)
        hearing = asyncio.create_task(line.hear())
        try:
            yield line
        finally:
            hearing.cancel()
    except WorkerGone as error:
        raise BenchError(f"A worker cannot be started: {error}.") from error
    finally:
        await executor.stop()


@asynccontextmanager
async def open_ceiling(machine: Machine, seconds: float) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """Run the process that measures the row ceiling; yields what has it measured once.

    Args:
        machine: what to measure on; the catalogue's first model is taken.
        seconds: how long one measurement takes.
    """
    process = await asyncio.create_subprocess_exec(
        *(*BENCH_WORKER, "ceiling", "--device", machine.device, "--threads", str(machine.threads)),
        *("--models", str(machine.models_file), "--models-dir", str(machine.models_dir), "--seconds", str(seconds)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env=child_environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    requests, answers = process.stdin, process.stdout

    async def measure() -> float:
        requests.write(b"\n")
        line = await answers.readline()
        if not line:
            raise BenchError("The row ceiling cannot be measured: its process ended.")
        return float(line)

    try:
        yield measure
    finally:
        await kill(process)


def write_model(shape: str, folder: Path, half: bool) -> None:
    """Write a model with random weights, in a process of its own.

    Args:
        shape: TINY, or a family of the catalogue.
        folder: made if it is missing.
        half: whether the weights have 16 bits.
    """
    command = (*BENCH_WORKER, "write", shape, str(folder), *(("--half",) if half else ()))
    done = subprocess.run(command, stdin=DEVNULL, capture_output=True, text=True, env=child_environment())
    if done.returncode:
        raise BenchError(f"The model {shape} cannot be written: {done.stderr.strip()[-500:]}.")


def now_s() -> float:
    """Return the loop's clock."""
    return asyncio.get_running_loop().time()
