"""Pull models from the model hub into the data folder, whole and verified, and know which are there."""

from engine.hub.errors import HubError
from engine.hub.inventory import Inventory, Stock, open_inventory, take_stock
from engine.hub.pull import PullProgress, Report, pull
from engine.hub.receipts import check, is_here, licence_of, missing, sources_of
from engine.hub.repository import ADDON, PIPELINE, SAFETY_CHECKER

__all__ = [
    "ADDON",
    "PIPELINE",
    "SAFETY_CHECKER",
    "HubError",
    "Inventory",
    "PullProgress",
    "Report",
    "Stock",
    "check",
    "is_here",
    "licence_of",
    "missing",
    "open_inventory",
    "pull",
    "sources_of",
    "take_stock",
]
