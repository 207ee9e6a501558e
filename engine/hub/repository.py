"""What a repository of the model hub holds, and which of it a model needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from huggingface_hub import HfApi

from engine.catalog import FAMILIES, Source
from engine.hub.errors import HubError, address, worded

PIPELINE, SAFETY_CHECKER, ADDON = "pipeline", "safety_checker", "addon"
_FOLDERS = {"scheduler", *(part for family in FAMILIES.values() for part in family.parts)}
_WEIGHTLESS = ("scheduler", "tokenizer", "tokenizer_2")
_CONFIG = re.compile(r"[A-Za-z0-9._-]+\.(json|txt)")
_WEIGHTS = re.compile(r"(model|diffusion_pytorch_model)(\.\w+)?(-\d+-of-\d+)?(\.\w+)?\.safetensors")
_ABOUT = re.compile(r"(README|LICEN[CS]E)[A-Za-z0-9._-]*")
_CHECKER_FILES = ("config.json", "model.safetensors", "preprocessor_config.json")
_CHECKER_FOLDERS = ("safety_checker/config.json", "safety_checker/model.safetensors")
_CHECKER_FEATURES = "feature_extractor/preprocessor_config.json"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository.

    Args:
        name: its path there, e.g. "unet/config.json".
        size: bytes.
        sha256: of its bytes, hexadecimal; empty for a small file.
        git_sha1: as Git names it; empty for a large file, where it names a pointer.
    """

    name: str
    size: int
    sha256: str
    git_sha1: str

    @property
    def digest(self) -> str:
        """What names its content."""
        return self.sha256 or self.git_sha1


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit.

    Args:
        commit: 40 hexadecimal digits.
        licence: as its card names it; empty if it does not.
        files: by name.
    """

    commit: str
    licence: str
    files: Mapping[str, RemoteFile]


def list_repository(hub: str, revision: str) -> Listing:
    """Ask the hub what a repository holds.

    Raises:
        HubError: it cannot be told.
    """
    with worded(hub, revision):
        info = HfApi(address()).model_info(hub, revision=revision, files_metadata=True)
    files = {}
    for sibling in info.siblings or []:
        lfs = sibling.lfs
        size, sha256 = (lfs.size, lfs.sha256) if lfs else (sibling.size or 0, "")
        files[sibling.rfilename] = RemoteFile(sibling.rfilename, size, sha256, "" if lfs else sibling.blob_id or "")
    licence = info.card_data.get("license") if info.card_data else ""
    return Listing(str(info.sha), licence if isinstance(licence, str) else "", files)


def wanted_files(listing: Listing, source: Source, part: str) -> list[RemoteFile]:
    """Return the files of a repository that a pipeline or a safety checker is loaded from, and its card and licence.

    Raises:
        HubError: the repository is not complete.
    """
    if part == SAFETY_CHECKER:
        names = _checker_files(listing, source)
    elif source.file is not None:
        names = [source.file]
    else:
        names = ["model_index.json", *_folder_files(listing, source)]
    for name in names:
        if name not in listing.files:
            raise HubError(f"{source.hub} has no {name} at {source.revision}.")
    about = [name for name in listing.files if _ABOUT.fullmatch(name)]
    return [listing.files[name] for name in dict.fromkeys([*names, *about])]


def _folder_files(listing: Listing, source: Source) -> Iterable[str]:
    found: dict[str, list[str]] = {}
    for name in listing.files:
        folder, _, file = name.partition("/")
        if folder in _FOLDERS and (_CONFIG.fullmatch(file) or _WEIGHTS.fullmatch(file)):
            found.setdefault(folder, []).append(file)
    for folder, files in found.items():
        weights = [file for file in files if file.endswith(".safetensors")]
        chosen = _of_variant(weights, source.variant) or _of_variant(weights, None)
        if not chosen and folder not in _WEIGHTLESS:
            raise HubError(
                f"{source.hub} has no safetensors weights for its {folder} at {source.revision}; "
                "other formats can run code when they are read."
            )
        yield from (f"{folder}/{file}" for file in [*(set(files) - set(weights)), *chosen])


def _of_variant(weights: Iterable[str], variant: str | None) -> list[str]:
    found = []
    for file in weights:
        if match := _WEIGHTS.fullmatch(file):
            named = (match[2] or match[4] or "").removeprefix(".") or None
            if named == variant:
                found.append(file)
    return found


def _checker_files(listing: Listing, source: Source) -> list[str]:
    if any(name.startswith("safety_checker/") for name in listing.files):
        return [*_CHECKER_FOLDERS, _CHECKER_FEATURES]
    if "config.json" not in listing.files:
        raise HubError(f"{source.hub} has no safety checker at {source.revision}.")
    return list(_CHECKER_FILES)
