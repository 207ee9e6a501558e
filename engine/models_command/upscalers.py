"""What an owner is told of the upscalers."""

from __future__ import annotations

from engine.catalog.checkpoint_inspection import ContentsError
from engine.catalog.rrdb import RrdbPlan
from engine.catalog.upscaler_inspection import inspect_upscaler
from engine.catalog.upscalers import UpscalerEntry
from engine.command_line import FAILED
from engine.models_command.errors import ModelsError


def upscaler_line(entry: UpscalerEntry) -> str:
    """Return an upscaler in a line."""
    upscaler = entry.upscaler
    return f"{upscaler.name}: {upscaler.title}. Makes pictures x{upscaler.factor}. Licence: {entry.licence}."


def check_upscaler(entry: UpscalerEntry) -> str:
    """Return what the files of an upscaler are, as a sentence.

    Raises:
        ModelsError: they are none that can be used.
    """
    name = entry.upscaler.name
    try:
        found = inspect_upscaler(entry)
    except ContentsError as error:
        raise ModelsError(f"{name}: {error}.", FAILED) from error
    size = sum(file.stat().st_size for file in found.files) / 1e9
    what = _network(found.plan) if found.plan else found.pipeline
    return f"{name}: {what} that makes pictures x{found.factor}, {size:.2f} GB of weights, as it should be."


def _network(plan: RrdbPlan) -> str:
    return f"RRDBNet of {plan.blocks} blocks with {plan.features} channels"
