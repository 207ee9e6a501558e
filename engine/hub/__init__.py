"""Pull models from the model hub into the data folder, whole and verified, and know which are there."""

from engine.hub.errors import HubError
from engine.hub.pull import PullProgress, Report, pull
from engine.hub.receipts import check, is_here, licence_of, missing, sources_of
from engine.hub.repository import ADDON, PIPELINE, SAFETY_CHECKER

__all__ = [
    "ADDON",
    "PIPELINE",
    "SAFETY_CHECKER",
    "HubError",
    "PullProgress",
    "Report",
    "check",
    "is_here",
    "licence_of",
    "missing",
    "pull",
    "sources_of",
]
