"""Who competes in the bench, by name, and with which models; without torch, so that the bench need not load it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from engine.api import Recipe
from engine.catalog import Catalog, load_catalog

TINY = "tiny"
"""The model so small that the work around the UNet's kernels is all there is to a step."""


class Contender(StrEnum):
    """A way to serve requests on one device.

    SEQUENTIAL: diffusers' own pipeline, one request after the other.
    STATIC_STRICT: the same pipeline on batches of whole requests that agree in everything but prompts and seed.
    STATIC_STEPS: batches of whole requests that agree in model, size, scheduler and steps; guidance may differ.
    FAST, EXACT: Easel's two classes of service.
    """

    SEQUENTIAL = "sequential"
    STATIC_STRICT = "static-strict"
    STATIC_STEPS = "static-steps"
    FAST = "fast"
    EXACT = "exact"

    @property
    def is_easel(self) -> bool:
        """Whether this is the worker's own loop behind the dispatcher."""
        return self in (Contender.FAST, Contender.EXACT)


def batch_key(contender: Contender, recipe: Recipe) -> Hashable:
    """Return what requests must have in common to share a batch of whole requests."""
    key = (recipe.model, recipe.width, recipe.height, recipe.scheduler, recipe.steps)
    return key if contender is Contender.STATIC_STEPS else (*key, recipe.guidance_scale)


def load_contested(models_file: Path, models_dir: Path, made: bool) -> Catalog:
    """Read the catalogue that contenders draw from.

    Args:
        models_file, models_dir: as for `load_catalog`.
        made: whether its models were made for the bench: the checker of such a model lies beside its weights.
    """
    catalog = load_catalog(models_file, models_dir)
    if not made:
        return catalog
    return replace(catalog, entries=tuple(replace(entry, safety_checker=entry.source) for entry in catalog.entries))
