"""A worker process that does wrong what its first argument names. Standard library and `engine.wire` only."""

from __future__ import annotations

import signal
import sys
import time

from engine.wire import LENGTH, JobProgress, Ready, Unfit, frame

READY = frame(Ready("odd-0", "cpu", 1))


def say(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def main(fault: str) -> int:
    match fault:
        case "exits":
            print("loading\nModuleNotFoundError: no module named 'torch'", file=sys.stderr)
            return 3
        case "unfit":
            say(frame(Unfit("the planted picture was allowed")))
            return 1
        case "speaks out of turn":
            say(frame(JobProgress("job", 1, 2)))
        case "babbles":
            say(READY + LENGTH.pack(5) + b"hello")
        case "boasts":
            say(READY + LENGTH.pack(2**32 - 1))
        case "breaks off":
            say(READY + LENGTH.pack(100) + b"half")
            return 0
        case "logs a lot":
            for number in range(2000):
                print(f"line {number} " + "." * 1000, file=sys.stderr)
            print("x" * 300_000, file=sys.stderr)
            say(READY)
        case "is stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            say(READY)
            time.sleep(600)
        case "talks on":
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            say(READY)
            while True:
                say(frame(JobProgress("job", 1, 2)))
        case "hangs":
            time.sleep(600)
    sys.stdin.buffer.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
