"""Pocket: the small Stable Diffusion model that Easel carries with it."""

from pathlib import Path

WEIGHTS: Path = Path(__file__).parent / "weights"
PROOF: Path = WEIGHTS.with_name("proof")
"""Pictures that its safety checker is proven with."""
FINGERPRINT: Path = PROOF / "fingerprint.json"
"""What its safety checker is known by."""
PREVIEW_MARGIN = 0.2
"""By how much a preview must stay under each threshold of its checker, a difference of cosines. Measured: drafts of
what is allowed stay 0.35 below."""
