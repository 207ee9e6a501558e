"""Read the model catalogue: what each model offers, and where its files come from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.api import Inversion, Lora, ModelInfo, SchedulerInfo
from engine.catalog.addons import ADDON_KINDS, AddOn, inversions_of, loras_of, read_addons
from engine.catalog.families import FAMILIES
from engine.catalog.kinds import FIRST_REVISION
from engine.catalog.schedulers import SCHEDULERS
from engine.catalog.sources import Source, SourceError, read_source
from engine.catalog.upscalers import UPSCALERS, UpscalerEntry, read_upscalers

OWN_FILE = "models.toml"
CHECKER = {
    "hub": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "revision": "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
}
"""The public safety checker, the one that Stable Diffusion 1.5 comes with: every model's but a built-in one's."""
PREDICTIONS = ("epsilon", "v_prediction")
_OTHER_KEYS = {"source", "additional_checkers", "prediction_type"}
_KEYS = {field.name for field in fields(ModelInfo)} - {
    "id",
    "inversions",
    "loras",
    "absent_inversions",
    "absent_loras",
    "upscalers",
} | _OTHER_KEYS
T = TypeVar("T")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SIDE_STEP = 8
_NO_CHOICE = (
    "take safety_checker out: the built-in pocket has its own, and every other model the public one, so that no table "
    "can make it weaker; additional_checkers can add to it."
)


class CatalogError(Exception):
    """The catalogue cannot be used as written; the message names the file, the entry and what to change."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model of the catalogue: what the bot sees of it, and what a worker needs to load it.

    Args:
        info: the public part.
        source: the pipeline's files.
        safety_checker: files of its own `StableDiffusionSafetyChecker`, which follow from the source: a built-in
            model's own, or else the public one's.
        additional_checkers: folders of others that look besides it. Each is one, or has one as its subfolder
            `safety_checker`.
        prediction_type: what the UNet predicts; None for what the files say, or else the family's public model.
        inversions: files of the textual inversions that the model understands.
        loras: files of the LoRAs for the model's family.
    """

    info: ModelInfo
    source: Source
    safety_checker: Source
    prediction_type: str | None = None
    inversions: Mapping[Inversion, Path] = field(default_factory=dict)
    loras: Mapping[Lora, Path] = field(default_factory=dict)
    additional_checkers: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """All models, the default first, all add-ons, and all upscalers."""

    entries: tuple[ModelEntry, ...]
    addons: tuple[AddOn, ...] = ()
    upscalers: tuple[UpscalerEntry, ...] = ()

    def get(self, model: str) -> ModelEntry | None:
        """Return the entry of that id, or None."""
        return next((entry for entry in self.entries if entry.info.id == model), None)

    def infos(self) -> tuple[ModelInfo, ...]:
        """Return the public part of every entry."""
        return tuple(entry.info for entry in self.entries)


def load_catalog(models_file: Path, models_dir: Path) -> Catalog:
    """Read the catalogue: a file, and what was added on this machine.

    Args:
        models_file: `models.toml`.
        models_dir: folder of pulled, added and merged models. Entries of its own `models.toml` come after those of
            `models_file`, and take the place of those with the same id.

    Raises:
        CatalogError: a file is missing, is not TOML, or an entry is wrong.
    """
    tables = _tables(models_file)
    if not tables:
        raise CatalogError(f"{models_file}: holds no model; add a table such as [pocket].")
    own_file = models_dir / OWN_FILE
    own = _tables(own_file) if own_file.exists() else {}
    addons: dict[tuple[str, str], AddOn] = {}
    upscalers: dict[str, UpscalerEntry] = {}
    for path, all_tables in ((models_file, tables), (own_file, own)):
        for kind in ADDON_KINDS:
            read = partial(read_addons, kind, models_dir=models_dir)
            addons |= {(kind, addon.name): addon for addon in _kind(path, all_tables, kind, read)}
        found = _kind(path, all_tables, UPSCALERS, partial(read_upscalers, models_dir=models_dir))
        upscalers |= {entry.upscaler.name: entry for entry in found}
    files = dict.fromkeys(tables, models_file) | dict.fromkeys(own, own_file)
    entries = (_entry(file, model, (tables | own)[model], models_dir) for model, file in files.items())
    known = tuple(addons.values())
    catalog = Catalog(tuple(_with_addons(entry, known) for entry in entries), known)
    return with_upscalers(catalog, upscalers.values())


def with_upscalers(catalog: Catalog, upscalers: Iterable[UpscalerEntry]) -> Catalog:
    """Return a catalogue that has upscalers, which each of its models tells of."""
    found = tuple(upscalers)
    public = tuple(entry.upscaler for entry in found)
    entries = (replace(entry, info=replace(entry.info, upscalers=public)) for entry in catalog.entries)
    return replace(catalog, entries=tuple(entries), upscalers=found)


def _kind(path: Path, tables: dict[str, Any], kind: str, read: Callable[[Any, Path], Iterator[T]]) -> list[T]:
    """Take the tables of a kind out of a file's, and read them."""
    try:
        return list(read(tables.pop(kind, {}), path.parent))
    except ValueError as error:
        raise CatalogError(f"{path}: {error}.") from error


def _with_addons(entry: ModelEntry, addons: Sequence[AddOn]) -> ModelEntry:
    """Return a model that knows all LoRAs, the textual inversions that fit, and the files of those it can use."""
    family, loras = entry.info.compatible_family, loras_of(addons)
    inversions = inversions_of(addons, family)
    info = replace(entry.info, inversions=tuple(inversions), loras=tuple(loras))
    files = {lora: file for lora, file in loras.items() if lora.family == family}
    return replace(entry, info=info, inversions=inversions, loras=files)


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path}: is not valid TOML ({error}).") from error


def is_model_id(text: str) -> bool:
    """Tell whether a text can be a model's id, which is also a folder's name: it cannot leave the folder it is in."""
    return _ID.fullmatch(text) is not None and text not in (*ADDON_KINDS, UPSCALERS)


def _entry(path: Path, model: str, table: Any, models_dir: Path) -> ModelEntry:
    where = f"{path}: [{model}]"
    if not is_model_id(model):
        raise CatalogError(f"{where}: a model id is lower-case letters, digits, '.', '_' and '-'.")
    if not isinstance(table, dict):
        raise CatalogError(f"{where}: must be a table.")
    if "safety_checker" in table:
        raise CatalogError(f"{where}: {_NO_CHOICE}")
    if unknown := sorted(set(table) - _KEYS):
        raise CatalogError(f"{where}: unknown key {unknown[0]!r}; known keys are {', '.join(sorted(_KEYS))}.")
    family = FAMILIES.get(table.get("family", ""))
    if family is None:
        raise CatalogError(f"{where}: family must be one of {', '.join(FAMILIES)}.")
    values = {**family.defaults, **table, "id": model}
    source = _source(where, "source", values.pop("source", None), path.parent, models_dir)
    additional = _additional_checkers(where, values.pop("additional_checkers", []), path.parent, models_dir)
    prediction = values.pop("prediction_type", None)
    if prediction not in (None, *PREDICTIONS):
        raise CatalogError(f"{where}: prediction_type must be one of {', '.join(PREDICTIONS)}.")
    values.setdefault("revision", source.revision or FIRST_REVISION)
    values["schedulers"] = _schedulers(where, values.get("schedulers", tuple(SCHEDULERS)))
    try:
        info = msgspec.convert(values, ModelInfo)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{where}: {error}.") from error
    _check(where, info)
    checker = source if source.builtin else read_source(CHECKER, path.parent, models_dir)
    return ModelEntry(info, source, checker, prediction, additional_checkers=additional)


def _additional_checkers(where: str, value: Any, beside: Path, models_dir: Path) -> tuple[Source, ...]:
    match value:
        case [*tables] if all(isinstance(each, dict) and isinstance(each.get("folder"), str) for each in tables):
            return tuple(_source(where, "additional_checkers", each, beside, models_dir) for each in tables)
    raise CatalogError(f'{where}: additional_checkers must be a list such as [{{ folder = "/models/checker" }}].')


def _schedulers(where: str, names: Any) -> tuple[SchedulerInfo, ...]:
    if not isinstance(names, list | tuple) or not names or any(name not in SCHEDULERS for name in names):
        raise CatalogError(f"{where}: schedulers must be among {', '.join(SCHEDULERS)}; leave the key out for all.")
    return tuple(SCHEDULERS[name].info for name in names)


def _source(where: str, key: str, value: Any, beside: Path, models_dir: Path) -> Source:
    try:
        return read_source(value, beside, models_dir)
    except SourceError as error:
        raise CatalogError(f"{where}: {key} {error}.") from error


def _check(where: str, info: ModelInfo) -> None:
    default = next((each for each in info.schedulers if each.name == info.scheduler), None)
    problems: Mapping[str, bool] = {
        "sizes must name at least one size": not info.sizes,
        f"size_step must be a multiple of {_SIDE_STEP}": info.size_step < 1 or info.size_step % _SIDE_STEP != 0,
        "min_side must not exceed max_side": info.min_side > info.max_side,
        "steps must lie between min_steps and max_steps": not info.min_steps <= info.steps <= info.max_steps,
        "guidance_scale must lie between min_guidance and max_guidance": not info.min_guidance
        <= info.guidance_scale
        <= info.max_guidance,
        "clip_skip must lie between 0 and max_clip_skip": not 0 <= info.clip_skip <= info.max_clip_skip,
        "scheduler must be one of schedulers": default is None,
        "steps must be in the range of the default scheduler": default is not None
        and not default.min_steps <= info.steps <= default.max_steps,
        "every size must be a multiple of size_step between min_side and max_side": any(
            side % info.size_step or not info.min_side <= side <= info.max_side
            for size in info.sizes
            for side in (size.width, size.height)
        ),
    }
    for problem, wrong in problems.items():
        if wrong:
            raise CatalogError(f"{where}: {problem}.")
