"""The worker's end of its two pipes: frames in on stdin, frames out on what was stdout."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO

import msgspec

from engine.api import GenerationRequest
from engine.wire import LENGTH, MAX_FRAME_BYTES, Draw, FromWorker, ToWorker, decode_to_worker, frame
from engine.worker.runtime.messages import ThreadAnswer

_log = logging.getLogger(__name__)


class Inbox(queue.SimpleQueue[ToWorker | ThreadAnswer | None]):
    """Messages for the step thread; None once the parent is gone."""

    def __init__(self) -> None:
        super().__init__()
        self._take_draw: Callable[[GenerationRequest], None] | None = None

    def hand_draws_to(self, take: Callable[[GenerationRequest], None] | None) -> None:
        """Have jobs that the parent asks for from now on handed over as they come; None to keep them here again.

        Args:
            take: called on the thread that hears the parent.
        """
        self._take_draw = take

    def hear(self, message: ToWorker) -> None:
        """Take a message of the parent."""
        take_draw = self._take_draw
        if isinstance(message, Draw) and take_draw is not None:
            take_draw(message.request)
        else:
            self.put(message)


@dataclass(frozen=True, slots=True)
class Channel:
    """Sends frames. Used by the step thread alone, so that frames never mix."""

    output: FileIO

    def send(self, message: FromWorker) -> None:
        """Write one frame.

        Raises:
            BrokenPipeError: the parent is gone.
        """
        data = memoryview(frame(message))
        while data:
            data = data[self.output.write(data) :]


def open_channel(inbox: Inbox) -> Channel:
    """Take stdin and stdout for frames, send every other print to stderr, and start to fill the inbox."""
    output = FileIO(os.dup(1), "w")
    os.dup2(2, 1)
    source = FileIO(os.dup(0), "r")  # unbuffered: a buffered stdin's lock can abort the interpreter's exit
    threading.Thread(target=read_messages, args=(source, inbox), name="reader", daemon=True).start()
    return Channel(output)


def read_messages(source: FileIO, inbox: Inbox) -> None:
    """Put every message of the stream into the inbox; None at its end, or when it makes no sense any more."""
    try:
        while header := _read(source, LENGTH.size):
            (length,) = LENGTH.unpack(header)
            if length > MAX_FRAME_BYTES:
                raise EOFError(f"a frame of {length} bytes is too long")
            inbox.hear(decode_to_worker(_read(source, length)))
    except (OSError, EOFError, msgspec.DecodeError) as error:
        _log.error("the parent's messages cannot be read any more: %s", error)
    inbox.put(None)


def _read(source: FileIO, size: int) -> bytes:
    """Return exactly `size` bytes, or none at the end of the stream. Raises EOFError in the middle of a frame."""
    data = bytearray()
    while len(data) < size:
        part = source.read(size - len(data))
        if not part:
            if data:
                raise EOFError("the stream ended inside a frame")
            return b""
        data += part
    return bytes(data)
