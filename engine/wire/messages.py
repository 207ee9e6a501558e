"""Typed messages between the engine and a worker process, and their frames.

A frame is a 4-byte big-endian length and one MessagePack map; `type` names the message. Messages hold values of the
contract (`engine.api`). `engine/ARCHITECTURE.md` has the table of who sends what, when.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from engine.api import GenerationRequest, ImageResult, Preview, Provenance, ReviewedImage

LENGTH = struct.Struct(">I")
MAX_FRAME_BYTES = 256 * 2**20


class Draw(msgspec.Struct, frozen=True, tag="draw"):
    """Engine to worker: draw this."""

    request: GenerationRequest


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Engine to worker: end this job at the next step. Unknown ids are ignored."""

    job_id: str


class Prefetch(msgspec.Struct, frozen=True, tag="prefetch"):
    """Engine to worker: load this model beside what is drawn, if there is room; it will be wanted next."""

    model: str


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Engine to worker: end all jobs as cancelled and exit."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Worker to engine, first: the gate's floor passed its proof and jobs may come.

    `rows` is how many rows one call of the UNet holds; an image takes two. A worker takes turns with more images.
    """

    worker: str
    device: str
    threads: int
    rows: int = 2


class Unfit(msgspec.Struct, frozen=True, tag="unfit"):
    """Worker to engine, first and last: the gate failed its proof. The worker draws nothing."""

    reason: str


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """Worker to engine, whenever it changes: the models that are in memory.

    `ready` can be drawn with at once; `near` are in memory, but not on the device or not proven yet.
    """

    ready: tuple[str, ...]
    near: tuple[str, ...]


class JobStarted(msgspec.Struct, frozen=True, tag="started"):
    """Worker to engine: the job left the worker's queue."""

    job_id: str


class JobProgress(msgspec.Struct, frozen=True, tag="progress"):
    """Worker to engine: `step` of `total` scheduler steps are done. A preview may come later, as one message more."""

    job_id: str
    step: int
    total: int
    preview: Preview | None = None


class JobFinished(msgspec.Struct, frozen=True, tag="finished"):
    """Worker to engine, last of a job: its results."""

    job_id: str
    images: tuple[ImageResult, ...]
    grid: ReviewedImage | None
    facts: Provenance


class JobFailed(msgspec.Struct, frozen=True, tag="failed"):
    """Worker to engine, last of a job: an `EngineError` as code and data."""

    job_id: str
    code: str
    data: dict[str, Any]


class JobCancelled(msgspec.Struct, frozen=True, tag="cancelled"):
    """Worker to engine, last of a job: it ended because of Cancel or Stop."""

    job_id: str


class Leaving(msgspec.Struct, frozen=True, tag="leaving"):
    """Worker to engine: a detector hung over a picture of this job, and the worker ends itself.

    The job's own last message may still come. Its other jobs had no part in this.
    """

    job_id: str
    reason: str


ToWorker = Draw | Cancel | Prefetch | Stop
FromWorker = Ready | Unfit | Loaded | JobStarted | JobProgress | JobFinished | JobFailed | JobCancelled | Leaving

_encoder = msgspec.msgpack.Encoder()
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)


def frame(message: ToWorker | FromWorker) -> bytes:
    """Return the message as one frame."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body


def decode_to_worker(body: bytes) -> ToWorker:
    """Return the message in a frame's body, as sent by the engine. Raises msgspec.DecodeError."""
    message: ToWorker = _to_worker.decode(body)
    return message


def decode_from_worker(body: bytes) -> FromWorker:
    """Return the message in a frame's body, as sent by a worker. Raises msgspec.DecodeError."""
    message: FromWorker = _from_worker.decode(body)
    return message
