"""What comes out of the engine: verdicts and reviewed images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the safety gate says of one image. ERROR never leaves the engine, like BLOCK, but is nobody's fault."""

    ALLOW = "allow"
    BLOCK = "block"
    ERROR = "error"


class Fault(StrEnum):
    """Why the gate could not judge an image: two faults of the gate, and two of what it was given.

    DETECTOR_BROKE: it raised, gave an answer that is none, or failed its proof while at work.
    DETECTOR_HUNG: it did not answer in time; its worker is replaced.
    NOT_FINITE: latents or pixels hold NaN or infinity.
    ONE_COLOUR: every pixel is the same.
    """

    DETECTOR_BROKE = "detector_broke"
    DETECTOR_HUNG = "detector_hung"
    NOT_FINITE = "not_finite"
    ONE_COLOUR = "one_colour"


@dataclass(frozen=True, slots=True)
class ReviewedImage:
    """An encoded picture that the safety gate allowed: the only way out for pixels.

    Minted by the gate in the worker; rebuilt only by `engine.wire` (a worker's frame) and by the picture store (a file
    whose hash and verdict match its row). An architecture test keeps it so.

    Args:
        data: the encoded file.
        media_type: "image/png", "image/webp" or "image/jpeg".
        width, height: pixels.
        sha256: hexadecimal, over mode, size and raw RGB of what the file holds (see `pixel_sha256`).
        file_sha256: hexadecimal, over `data`.

    Raises:
        ValueError: `file_sha256` is not the hash of `data`.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    sha256: str
    file_sha256: str

    def __post_init__(self) -> None:
        if hashlib.sha256(self.data).hexdigest() != self.file_sha256:
            raise ValueError("the picture's bytes do not match their hash")


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What became of one image of a recipe. `image` is set exactly when the verdict is ALLOW, `fault` when it is ERROR.

    Args:
        index: position in `Recipe.images`, from 0.
        verdict: the gate's.
        reason: for logs and moderators, e.g. "concept 3 by 0.02"; empty when allowed.
        image: the reviewed picture.
        fault: why it could not be judged.
    """

    index: int
    verdict: Verdict
    reason: str = ""
    image: ReviewedImage | None = None
    fault: Fault | None = None

    def __post_init__(self) -> None:
        if (self.image is not None) != (self.verdict is Verdict.ALLOW):
            raise ValueError("a result carries a picture exactly when the gate allowed it")
        if (self.fault is not None) != (self.verdict is Verdict.ERROR):
            raise ValueError("a result names a fault exactly when the gate could not judge")


@dataclass(frozen=True, slots=True)
class Provenance:
    """How the pictures were made, to be stored with them.

    Args:
        worker: name of the worker.
        device: "cpu" or the card's name.
        threads: CPU threads of the worker's torch.
        dtype: "float32", "float16", ...
        versions: e.g. (("diffusers", "0.42.1"), ("torch", "2.13.0")).
        seconds: time from start to result on the worker.
        service: "exact": the picture does not depend on what was drawn beside it; or "fast".
        bucket: rows of the largest UNet call that the pictures shared with others.
        memory: memory profile of the model: "high", or "balanced" or "low", which may change pixels a little.
        compiled: whether the UNet was compiled, which changes last bits.
    """

    worker: str
    device: str
    threads: int
    dtype: str
    versions: tuple[tuple[str, str], ...]
    seconds: float
    service: str = "exact"
    bucket: int = 2
    memory: str = "high"
    compiled: bool = False


def pixel_sha256(mode: str, width: int, height: int, raw: bytes) -> str:
    """Return the hexadecimal SHA-256 over mode, size and raw pixels; independent of how a file encodes them."""
    return hashlib.sha256(f"{mode}:{width}x{height}:".encode() + raw).hexdigest()
