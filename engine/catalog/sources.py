"""Where a model's files are, and where they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.catalog.builtin import BUILT_IN

CHECKPOINT = ".safetensors"
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_MAIN = "main"


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a model or of a safety checker.

    Args:
        folder: where they are on this machine; for a repository, where they will be once they are pulled.
        hub: the repository they come from, "owner/name"; None when their owner put them there.
        revision: commit, branch or tag of the repository. A branch is looked up once, when the files are pulled.
        file: a checkpoint in one file within the folder; None for a folder in diffusers' format.
        variant: of the weights, e.g. "fp16" for `*.fp16.safetensors`.
        config: a folder in diffusers' format that tells the shapes of a checkpoint in one file; None for its family's.
        builtin: name of the built-in model whose files these are, with a safety checker of its own; empty for others.
    """

    folder: Path
    hub: str | None = None
    revision: str | None = None
    file: str | None = None
    variant: str | None = None
    config: Path | None = None
    builtin: str = ""


class SourceError(ValueError):
    """What was written does not say where files are; the message says what to write."""


def read_source(value: Any, beside: Path, models_dir: Path) -> Source:
    """Return the source that a table of `models.toml` describes.

    Args:
        value: the table.
        beside: what relative paths are relative to.
        models_dir: where the files of repositories are kept.

    Raises:
        SourceError: it is none, or would leave the folder that it names.
    """
    match value:
        case {"builtin": str(name)} if len(value) == 1 and name in BUILT_IN:
            return Source(BUILT_IN[name].folder, builtin=name)
        case {"folder": str(folder)} if set(value) <= {"folder", "variant"}:
            return Source(_path(folder, beside), variant=_variant(value))
        case {"file": str(file)} if set(value) <= {"file", "config"}:
            path = _path(file, beside)
            config = value.get("config")
            return Source(path.parent, file=_checkpoint(path.name), config=config and _path(config, beside))
        case {"hub": str(hub)} if set(value) <= {"hub", "revision", "file", "variant"}:
            return _repository(hub, value, models_dir)
    raise SourceError(
        'must be { hub = "owner/name", revision = "..." }, { folder = "/path" }, { file = "/path/x.safetensors" } '
        f"or {{ builtin = {' or '.join(repr(name) for name in BUILT_IN)} }}"
    )


def repository_folder(models_dir: Path, hub: str, revision: str) -> Path:
    """Return where the files of a repository's revision are kept."""
    return models_dir / "hub" / hub.replace("/", "--") / revision.replace("/", "--")


def _repository(hub: str, value: dict[str, Any], models_dir: Path) -> Source:
    revision, file = value.get("revision", _MAIN), value.get("file")
    if not _REPOSITORY.fullmatch(hub) or ".." in hub:
        raise SourceError(f'{hub!r} is no repository; write hub = "owner/name"')
    if not isinstance(revision, str) or not _REVISION.fullmatch(revision) or ".." in revision:
        raise SourceError(f"{revision!r} is no revision; write the commit that you trust, 40 hexadecimal digits")
    if file is not None:
        _checkpoint(file)
    return Source(repository_folder(models_dir, hub, revision), hub, revision, file, _variant(value))


def _checkpoint(file: Any) -> str:
    if not isinstance(file, str) or Path(file).name != file:
        raise SourceError(f"{file!r} must be the name of a file, without a folder")
    if not file.endswith(CHECKPOINT):
        raise SourceError(f"{file!r} is no {CHECKPOINT} file; other formats can run code when they are read")
    return file


def _variant(value: dict[str, Any]) -> str | None:
    variant = value.get("variant")
    if variant is not None and (not isinstance(variant, str) or not variant.isalnum()):
        raise SourceError(f'variant must be a word such as "fp16", not {variant!r}')
    return variant


def _path(text: Any, beside: Path) -> Path:
    if not isinstance(text, str):
        raise SourceError(f"{text!r} is no path")
    return (beside / Path(text).expanduser()).absolute()
