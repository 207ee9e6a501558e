"""Which models and noise schedulers there are, as plain data read from `config/models.toml`."""

from engine.catalog.families import FAMILIES, Family
from engine.catalog.models import OWN_FILE, Catalog, CatalogError, ModelEntry, load_catalog
from engine.catalog.schedulers import SCHEDULERS, SchedulerSpec
from engine.catalog.sources import Source

__all__ = [
    "FAMILIES",
    "OWN_FILE",
    "SCHEDULERS",
    "Catalog",
    "CatalogError",
    "Family",
    "ModelEntry",
    "SchedulerSpec",
    "Source",
    "load_catalog",
]
