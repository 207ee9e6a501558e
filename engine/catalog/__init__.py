"""Which models and noise schedulers there are, as plain data read from `config/models.toml`."""

from engine.catalog.addons import ADDON_KINDS, INVERSIONS, LORAS, AddOn
from engine.catalog.builtin import BUILT_IN, BuiltIn
from engine.catalog.families import FAMILIES, Family
from engine.catalog.models import OWN_FILE, Catalog, CatalogError, ModelEntry, load_catalog
from engine.catalog.schedulers import SCHEDULERS, SchedulerSpec
from engine.catalog.sources import Source

__all__ = [
    "ADDON_KINDS",
    "BUILT_IN",
    "FAMILIES",
    "INVERSIONS",
    "LORAS",
    "OWN_FILE",
    "SCHEDULERS",
    "AddOn",
    "BuiltIn",
    "Catalog",
    "CatalogError",
    "Family",
    "ModelEntry",
    "SchedulerSpec",
    "Source",
    "load_catalog",
]
