"""What the files of an upscaler are, told without torch. Nothing is loaded before it has been looked at here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from engine.catalog.checkpoint_inspection import ContentsError, check_classes, json_of, tensors_of, weights_of
from engine.catalog.families import FAMILIES
from engine.catalog.rrdb import RrdbPlan, plan_rrdb
from engine.catalog.upscalers import UpscalerEntry

X4, LATENT = "StableDiffusionUpscalePipeline", "StableDiffusionLatentUpscalePipeline"
PIPELINES: Mapping[str, int] = MappingProxyType({X4: 4, LATENT: 2})
"""Classes of diffusers, and by how much they make sides larger."""
_PARTS = FAMILIES["sd1"].parts


@dataclass(frozen=True, slots=True)
class UpscalerContents:
    """What was found.

    Args:
        factor: by which it makes each side larger.
        files: its weights.
        plan: of the network in a file; None for a pipeline in a folder.
        pipeline: its class; empty for a network.
    """

    factor: int
    files: tuple[Path, ...]
    plan: RrdbPlan | None = None
    pipeline: str = ""


def inspect_upscaler(entry: UpscalerEntry) -> UpscalerContents:
    """Return what the files of an upscaler are.

    Raises:
        ContentsError: they are missing, incomplete, no upscaler, or one for another factor than the entry names.
    """
    source = entry.source
    found = (
        _inspect_file(source.folder / source.file) if source.file else _inspect_folder(source.folder, source.variant)
    )
    if found.factor != entry.upscaler.factor:
        raise ContentsError(f"it makes pictures x{found.factor}, and the catalogue says {entry.upscaler.factor}")
    return found


def _inspect_file(file: Path) -> UpscalerContents:
    plan = plan_rrdb(tensors_of(file))
    return UpscalerContents(plan.factor, (file,), plan)


def _inspect_folder(folder: Path, variant: str | None) -> UpscalerContents:
    index = json_of(folder / "model_index.json")
    pipeline = str(index.get("_class_name"))
    if pipeline not in PIPELINES:
        raise ContentsError(f"it is made for {pipeline}, and {' and '.join(PIPELINES)} make pictures larger")
    check_classes(index, _PARTS)
    return UpscalerContents(PIPELINES[pipeline], tuple(weights_of(folder, _PARTS, variant)), pipeline=pipeline)
