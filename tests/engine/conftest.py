"""Tiny models as files, and a model hub on loopback that serves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.stand_in import Hub
from tests.engine.tiny_models import build_pipeline, in_one_file


@pytest.fixture(scope="session")
def family_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give back a folder in diffusers' format of one family, made the first time; another seed has other weights."""
    made: dict[tuple[str, int], Path] = {}

    def make(family: str, seed: int = 1) -> Path:
        if (family, seed) not in made:
            made[family, seed] = tmp_path_factory.mktemp(f"{family}-{seed}")
            build_pipeline(family, seed).save_pretrained(made[family, seed], safe_serialization=True)
        return made[family, seed]

    return make


@pytest.fixture(scope="session")
def family_file(family_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give back the same weights in one file, under the names that A1111 and Civitai have them."""
    folder = tmp_path_factory.mktemp("files")

    def make(family: str, seed: int = 1) -> Path:
        from safetensors.torch import save_file

        file = folder / f"{family}-{seed}.safetensors"
        if not file.exists():
            save_file(in_one_file(family_folder(family, seed), family), file)
        return file

    return make


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A model hub on loopback, which this process and those it starts take for the real one."""
    with Hub() as opened:
        monkeypatch.setenv("HF_ENDPOINT", opened.address)
        yield opened
