"""The safety gate: every picture passes it, nothing turns it off, and whatever goes wrong in it stops the picture."""

from engine.worker.safety.checker import Checker, load_checker, prove_checker, read_checker
from engine.worker.safety.detectors import Detector, DetectorHung, DetectorLost, Finding, TimedDetector
from engine.worker.safety.floor import load_floor
from engine.worker.safety.gate import Review, SafetyGate
from engine.worker.safety.identity import ANY, Identify, Identity, identify
from engine.worker.safety.proof import ProofFailed

__all__ = [
    "ANY",
    "Checker",
    "Detector",
    "DetectorHung",
    "DetectorLost",
    "Finding",
    "Identify",
    "Identity",
    "ProofFailed",
    "Review",
    "SafetyGate",
    "TimedDetector",
    "identify",
    "load_checker",
    "load_floor",
    "prove_checker",
    "read_checker",
]
