"""Read the model catalogue: what each model offers, and where its files come from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec

from engine.api import ModelInfo, SchedulerInfo
from engine.catalog.schedulers import SCHEDULERS
from engine.pocket import WEIGHTS

BUILTIN = {"pocket": WEIGHTS}
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SIDE_STEP = 8


class CatalogError(Exception):
    """The catalogue cannot be used as written; the message names the file, the entry and what to change."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's files are: exactly one of a folder on disk or a repository of the model hub.

    Args:
        folder: a folder in diffusers' format.
        hub: repository id, "owner/name".
        revision: commit or tag of the repository.
    """

    folder: Path | None = None
    hub: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model of the catalogue: what the bot sees of it, and what a worker needs to load it.

    Args:
        info: the public part.
        source: the pipeline's files.
        safety_checker: files of its `StableDiffusionSafetyChecker`: a folder or repository that is one, or that has one
            as its subfolder `safety_checker`.
    """

    info: ModelInfo
    source: Source
    safety_checker: Source


@dataclass(frozen=True, slots=True)
class Catalog:
    """All models, the default first."""

    entries: tuple[ModelEntry, ...]

    def get(self, model: str) -> ModelEntry | None:
        """Return the entry of that id, or None."""
        return next((entry for entry in self.entries if entry.info.id == model), None)

    def infos(self) -> tuple[ModelInfo, ...]:
        """Return the public part of every entry."""
        return tuple(entry.info for entry in self.entries)


def load_catalog(path: Path) -> Catalog:
    """Read `models.toml`.

    Raises:
        CatalogError: the file is missing, is not TOML, or an entry is wrong.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path}: is not valid TOML ({error}).") from error
    if not tables:
        raise CatalogError(f"{path}: holds no model; add a table such as [pocket].")
    return Catalog(tuple(_entry(path, model, table) for model, table in tables.items()))


def _entry(path: Path, model: str, table: Any) -> ModelEntry:
    where = f"{path}: [{model}]"
    if not _ID.fullmatch(model):
        raise CatalogError(f"{where}: a model id is lower-case letters, digits, '.', '_' and '-'.")
    if not isinstance(table, dict):
        raise CatalogError(f"{where}: must be a table.")
    allowed = {field.name for field in fields(ModelInfo)} - {"id"} | {"source", "safety_checker"}
    if unknown := sorted(set(table) - allowed):
        raise CatalogError(f"{where}: unknown key {unknown[0]!r}; known keys are {', '.join(sorted(allowed))}.")
    values = dict(table, id=model)
    values["schedulers"] = _schedulers(where, values.get("schedulers", tuple(SCHEDULERS)))
    source = _source(where, "source", values.pop("source", None))
    checker = _source(where, "safety_checker", values.pop("safety_checker", None))
    try:
        info = msgspec.convert(values, ModelInfo)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{where}: {error}.") from error
    _check(where, info)
    return ModelEntry(info, source, checker)


def _schedulers(where: str, names: Any) -> tuple[SchedulerInfo, ...]:
    if not isinstance(names, list | tuple) or not names or any(name not in SCHEDULERS for name in names):
        raise CatalogError(f"{where}: schedulers must be among {', '.join(SCHEDULERS)}; leave the key out for all.")
    return tuple(SCHEDULERS[name].info for name in names)


def _source(where: str, key: str, value: Any) -> Source:
    match value:
        case {"builtin": str(name)} if len(value) == 1 and name in BUILTIN:
            return Source(folder=BUILTIN[name])
        case {"folder": str(folder)} if len(value) == 1:
            return Source(folder=Path(folder).expanduser())
        case {"hub": str(hub)} if set(value) <= {"hub", "revision"} and hub.count("/") == 1:
            return Source(hub=hub, revision=value.get("revision"))
    raise CatalogError(
        f'{where}: {key} must be {{ hub = "owner/name", revision = "..." }}, {{ folder = "/path" }} '
        f"or {{ builtin = {' or '.join(repr(name) for name in BUILTIN)} }}."
    )


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
