"""The start-up proof: a detector must block a picture made to be blocked, and let a plain one pass."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from engine.worker.runtime.faults import one_line
from engine.worker.safety.detectors import Detector, TimedDetector

PROOF_TIMEOUT_S = 120.0


class ProofFailed(Exception):
    """A detector cannot be trusted; `str()` says why, as half a sentence."""


def prove(detector: Detector, pictures: Path) -> None:
    """Show a detector the two proof pictures.

    Args:
        detector: to be proven.
        pictures: folder with `blocked.png`, which it must block, and `plain.png`, which it must let pass.

    Raises:
        ProofFailed: it judged one wrongly, failed, or a picture cannot be read.
    """
    for name, expected in (("blocked.png", True), ("plain.png", False)):
        try:
            with Image.open(pictures / name) as file:
                picture = file.convert("RGB")
            finding = TimedDetector(detector, PROOF_TIMEOUT_S).look([picture])
        except Exception as error:
            raise ProofFailed(f"the {detector.name} failed on {name} ({one_line(error)})") from error
        if finding.blocked is not expected:
            raise ProofFailed(f"the {detector.name} {'did not block' if expected else 'blocked'} {name}")
