"""Pocket: the small Stable Diffusion model that Easel carries with it."""

from pathlib import Path

WEIGHTS: Path = Path(__file__).parent / "weights"
