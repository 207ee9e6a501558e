"""Fetch the picture packages that pocket learns from, by exact name and version."""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from engine.children import child_environment


@dataclass(frozen=True)
class Package:
    """One npm package, pinned, with the licence its manifest must state."""

    name: str
    version: str
    licence: str

    @property
    def folder(self) -> str:
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}"


NOTO = Package("@iconify-json/noto", "1.2.9", "Apache-2.0")
FLAT = Package("@iconify-json/fluent-emoji-flat", "1.2.6", "MIT")
LINE = Package("@iconify-json/fluent-emoji-high-contrast", "1.2.6", "MIT")
ROUND = Package("@lobehub/fluent-emoji-3d", "1.1.0", "MIT")
SHADED = Package("@iconify-json/fluent-emoji", "1.2.7", "MIT")
BLOB = Package("@iconify-json/noto-v1", "1.2.5", "Apache-2.0")
FIREFOX = Package("@iconify-json/fxemoji", "1.2.2", "Apache-2.0")
STREAMLINE = Package("@iconify-json/streamline-emojis", "1.2.4", "CC-BY-4.0")
LABELS = Package("emojibase-data", "17.0.0", "MIT")
# The classifier that scores pocket learns from these, and pocket does not.
TWEMOJI = Package("@iconify-json/twemoji", "1.2.5", "CC-BY-4.0")
EMOJIONE = Package("@iconify-json/emojione", "1.2.3", "CC-BY-4.0")
PACKAGES = (NOTO, FLAT, LINE, ROUND, SHADED, BLOB, FIREFOX, STREAMLINE, LABELS)


def fetch(package: Package, folder: Path) -> Path:
    """Download and unpack a package once.

    Args:
        package: what to fetch.
        folder: where packages are kept; created when missing.

    Returns:
        The unpacked package, its manifest checked.
    """
    target = folder / package.folder
    if not (target / "package.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", f"{package.name}@{package.version}", "--silent"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=child_environment())
        _unpack(folder / f"{package.folder}.tgz", target)
    _verify(package, target)
    return target


def _unpack(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(target.with_suffix(".part"), filter="data")
    # The rename makes a half-unpacked package impossible to mistake for a whole one.
    (target.with_suffix(".part") / "package").rename(target)
    target.with_suffix(".part").rmdir()


def _verify(package: Package, target: Path) -> None:
    manifest = json.loads((target / "package.json").read_text())
    found = (manifest["name"], manifest["version"], manifest.get("license"))
    expected = (package.name, package.version, package.licence)
    if found != expected:
        raise ValueError(f"{target} holds {found}, but {expected} is needed: delete the folder and run again")
