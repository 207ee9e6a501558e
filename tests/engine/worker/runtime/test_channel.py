"""The worker's end of the pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from io import FileIO

import pytest

from engine.wire import LENGTH, MAX_FRAME_BYTES, Cancel, Ready, Stop, ToWorker, decode_from_worker, frame
from engine.worker.runtime.channel import Inbox, read_messages
from engine.worker.runtime.messages import ThreadAnswer


def read(data: bytes) -> list[ToWorker | ThreadAnswer | None]:
    """What the inbox holds after the stream."""
    source, sink = os.pipe()
    os.write(sink, data)
    os.close(sink)
    inbox = Inbox()
    with FileIO(source) as stream:
        read_messages(stream, inbox)
    return [inbox.get_nowait() for _ in range(inbox.qsize())]


def test_messages_are_read_in_order_and_the_end_of_the_stream_is_told() -> None:
    assert read(frame(Cancel("a")) + frame(Cancel("b")) + frame(Stop())) == [Cancel("a"), Cancel("b"), Stop(), None]


@pytest.mark.parametrize(
    "rest",
    [
        LENGTH.pack(4) + b"\xc1\xc1\xc1\xc1",
        LENGTH.pack(MAX_FRAME_BYTES + 1) + b"x",
        frame(Cancel("b"))[:-1],
        frame(Cancel("b"))[:3],
        frame(Ready("cpu-0", "cpu", 1)) + frame(Cancel("b")),
    ],
    ids=["garbage", "too long", "cut in its body", "cut in its length", "a worker's own message"],
)
def test_a_stream_that_makes_no_sense_counts_as_ended(rest: bytes) -> None:
    assert read(frame(Cancel("a")) + rest) == [Cancel("a"), None]


def test_prints_of_libraries_cannot_get_between_frames() -> None:
    code = """
import os
from engine.wire import Ready
from engine.worker.runtime.channel import Inbox, open_channel
channel = open_channel(Inbox())
print("from python", flush=True)
os.write(1, b"from a library\\n")
channel.send(Ready("x" * 200_000, "cpu", 1))
print("after", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, check=True, timeout=600)
    assert decode_from_worker(done.stdout[LENGTH.size :]) == Ready("x" * 200_000, "cpu", 1)
    assert done.stderr.decode().split("\n")[:3] == ["from python", "from a library", "after"]
