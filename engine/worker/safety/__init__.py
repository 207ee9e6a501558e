"""The safety gate: every picture passes it, nothing turns it off, and whatever goes wrong in it stops the picture."""

from engine.worker.safety.checker import Checker, load_checker, proof_pictures, prove_checker, read_checker
from engine.worker.safety.detectors import Detector, DetectorHung, DetectorLost, Finding, TimedDetector
from engine.worker.safety.floor import load_floor
from engine.worker.safety.gate import Review, SafetyGate
from engine.worker.safety.proof import ProofFailed

__all__ = [
    "Checker",
    "Detector",
    "DetectorHung",
    "DetectorLost",
    "Finding",
    "ProofFailed",
    "Review",
    "SafetyGate",
    "TimedDetector",
    "load_checker",
    "load_floor",
    "proof_pictures",
    "prove_checker",
    "read_checker",
]
