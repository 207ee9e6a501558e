"""What the engine and its worker processes say to each other: messages, and beside them the bench's protocol.

`contenders` names who competes in a bench, and `tally` is what a bench worker counts; without torch, as all here.
"""

from engine.wire.messages import (
    LENGTH,
    MAX_FRAME_BYTES,
    Cancel,
    Draw,
    FromWorker,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobProgress,
    JobStarted,
    Leaving,
    Loaded,
    Prefetch,
    Ready,
    Stop,
    ToWorker,
    Unfit,
    decode_from_worker,
    decode_to_worker,
    frame,
)

__all__ = [
    "LENGTH",
    "MAX_FRAME_BYTES",
    "Cancel",
    "Draw",
    "FromWorker",
    "JobCancelled",
    "JobFailed",
    "JobFinished",
    "JobProgress",
    "JobStarted",
    "Leaving",
    "Loaded",
    "Prefetch",
    "Ready",
    "Stop",
    "ToWorker",
    "Unfit",
    "decode_from_worker",
    "decode_to_worker",
    "frame",
]
