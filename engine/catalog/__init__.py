"""Which models and noise schedulers there are, as plain data read from `config/models.toml`."""

from engine.catalog.models import Catalog, CatalogError, ModelEntry, Source, load_catalog
from engine.catalog.schedulers import SCHEDULERS, SchedulerSpec

__all__ = ["SCHEDULERS", "Catalog", "CatalogError", "ModelEntry", "SchedulerSpec", "Source", "load_catalog"]
