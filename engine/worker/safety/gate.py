"""The one gate: finished pixels in, a verdict and perhaps a reviewed picture out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from engine.api import Fault, ReviewedImage, Verdict, pixel_sha256
from engine.encoding import JPEG, FileOptions, decode_picture, encode_picture
from engine.views import square_views
from engine.worker.runtime.faults import one_line, ran_out
from engine.worker.safety.detectors import DetectorHung, DetectorLost, Finding, TimedDetector
from engine.worker.safety.images import compose_grid, to_picture

PLAIN = FileOptions()
"""A PNG that tells nothing."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Review:
    """The gate's answer. `image` is set exactly when the verdict is ALLOW; otherwise `reason` says why not.

    `fault` tells the kinds of ERROR apart.
    """

    verdict: Verdict
    reason: str = ""
    image: ReviewedImage | None = None
    fault: Fault | None = None


class SafetyGate:
    """Judges every picture of one model. Nothing else mints a ReviewedImage.

    All detectors must pass a picture; each can only add blocks. Whatever is odd is an ERROR, never an ALLOW.

    Args:
        floor: the classifier under every model; all gates of a worker share it.
        checker: the model's own safety checker.
        additional: safety checkers that the model's owner added.
        side: of the largest square that the model draws natively, in pixels; larger ones are looked at in parts, too.
    """

    def __init__(self, floor: TimedDetector, checker: TimedDetector, *additional: TimedDetector, side: int) -> None:
        self._side = side
        self._detectors = (floor, checker, *additional)

    def review(
        self, pixels: Tensor, latents: Tensor, wrapping: FileOptions = PLAIN, *, unfinished: bool = False
    ) -> Review:
        """Judge one decoded image.

        Args:
            pixels: (3, height, width), -1.0 to 1.0, as decoded.
            latents: what it was decoded from, any shape.
            wrapping: how it becomes a file.
            unfinished: whether it is a preview, which is judged more strictly: it shows less of what it will be.

        Raises:
            ValueError: these are not the pixels of one picture.
            DetectorHung, DetectorLost: as in `judge`.
            Exception: there is no memory left (`ran_out`).
        """
        if pixels.ndim != 3 or pixels.shape[0] != 3 or 0 in pixels.shape:
            raise ValueError(f"shape {tuple(pixels.shape)} is not that of one picture")
        for name, numbers in (("latents", latents), ("pixels", pixels)):
            if not torch.isfinite(numbers).all():
                return _error(Fault.NOT_FINITE, f"the {name} are not finite")
        picture = to_picture(pixels)
        if picture.getcolors(maxcolors=1):
            return _error(Fault.ONE_COLOUR, f"every pixel is {picture.getpixel((0, 0))}")
        review = self.judge(picture, unfinished=unfinished)
        return Review(Verdict.ALLOW, image=_mint(picture, wrapping)) if review.verdict is Verdict.ALLOW else review

    def judge(self, picture: Image.Image, *, unfinished: bool = False) -> Review:
        """Judge a picture that was uploaded, RGB. Nothing is minted: it does not leave the worker.

        Raises:
            DetectorHung: a detector did not answer in time.
            DetectorLost: it still hangs over an earlier picture.
            Exception: there is no memory left (`ran_out`).
        """
        views = square_views(picture, self._side)
        findings = [_ask(detector, views, unfinished) for detector in self._detectors]
        blocks = [finding for finding in findings if finding.verdict is Verdict.BLOCK]
        errors = [finding for finding in findings if finding.verdict is not Verdict.ALLOW]
        return next(iter((*blocks, *errors)), Review(Verdict.ALLOW))

    def compose(self, tiles: Sequence[ReviewedImage | None], wrapping: FileOptions = PLAIN) -> ReviewedImage:
        """Return one picture of pictures that this gate allowed, in reading order.

        Args:
            tiles: the pictures, one at least; None for a place that stays empty.
            wrapping: how it becomes a file.

        Raises:
            ValueError: a tile's pixels are not those that were allowed.
        """
        return _mint(compose_grid([_reviewed_picture(tile) if tile else None for tile in tiles]), wrapping)


def _reviewed_picture(tile: ReviewedImage) -> Image.Image:
    picture = decode_picture(tile.data)
    if _hash(picture) != tile.sha256:
        raise ValueError("a tile's pixels are not those that were reviewed")
    return picture


def _ask(detector: TimedDetector, views: Sequence[Image.Image], unfinished: bool) -> Review:
    try:
        finding = detector.look([view.copy() for view in views], unfinished)
        if not isinstance(finding, Finding) or not isinstance(finding.blocked, bool):
            raise TypeError(f"answered {finding!r}")
    except (DetectorHung, DetectorLost, torch.AcceleratorError):
        raise
    except Exception as error:
        if ran_out(error):
            raise  # not the detector's fault
        _log.warning("the %s broke", detector.name, exc_info=error)
        return _error(Fault.DETECTOR_BROKE, f"{detector.name}: {one_line(error)}")
    if finding.blocked:
        _log.warning("a picture is withheld: %s: %s", detector.name, finding.reason)
        return Review(Verdict.BLOCK, f"{detector.name}: {finding.reason}")
    return Review(Verdict.ALLOW)


def _error(fault: Fault, reason: str) -> Review:
    return Review(Verdict.ERROR, reason, fault=fault)


def _mint(picture: Image.Image, wrapping: FileOptions) -> ReviewedImage:
    data, media_type = encode_picture(picture, wrapping)
    if media_type == JPEG:
        picture = decode_picture(data)  # its pixels are others now, and the hash is theirs
    file_sha256 = hashlib.sha256(data).hexdigest()
    return ReviewedImage(data, media_type, picture.width, picture.height, _hash(picture), file_sha256)


def _hash(picture: Image.Image) -> str:
    return pixel_sha256("RGB", picture.width, picture.height, picture.tobytes())
