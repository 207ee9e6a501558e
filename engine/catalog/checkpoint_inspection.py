"""What the files of a model are, told from their names, their configs and the headers of their weights, without torch.

Nothing is loaded before it has been looked at here: what a folder or a file holds must be an architecture that can be
drawn with, in safetensors alone, and must not point at anything outside of itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from engine.catalog.families import FAMILIES, Family
from engine.catalog.sources import CHECKPOINT, Source

_HEADER_LENGTH = 8
_MOST_HEADER_BYTES = 100 * 2**20
_LATENT_CHANNELS = 4
_INPUT_CONVOLUTION = "model.diffusion_model.input_blocks.0.0.weight"
_CONTEXT = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
_PIPELINES = {family.pipeline for family in FAMILIES.values()}
_PICKLES = (".ckpt", ".bin", ".pt", ".pth")


class ContentsError(ValueError):
    """The files are not a model that can be drawn with; the message says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found.

    Args:
        family: the architecture.
        prediction_type: as the files say it; None where a single file cannot say.
        size: bytes of all weights.
        variant: the one asked for, if any weights are of it.
    """

    family: Family
    prediction_type: str | None
    size: int
    variant: str | None = None


def inspect(source: Source) -> Contents:
    """Return what the files of a source on this machine are.

    Raises:
        ContentsError: they are missing, incomplete, or not a model that can be drawn with.
    """
    if source.file is not None:
        return _inspect_file(source.folder / source.file)
    return _inspect_folder(source.folder, source.variant)


def check_family(found: Contents, wanted: str) -> None:
    """Raise ContentsError unless the files are of the family that their entry names."""
    if found.family.id != wanted:
        raise ContentsError(
            f"the files are {found.family.title} (family {found.family.id!r}), and the catalogue says {wanted!r}"
        )


def tensors_of(file: Path) -> Mapping[str, Any]:
    """Return the header of a safetensors file: tensor name to its dtype, shape and place.

    Source: the safetensors format, github.com/huggingface/safetensors: the header's length in 8 bytes, then JSON.

    Raises:
        ContentsError: it is none.
    """
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(_HEADER_LENGTH), "little")
            if not 2 <= length <= _MOST_HEADER_BYTES:
                raise ContentsError(f"{file.name} is no safetensors file")
            header = json.loads(opened.read(length))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    except OSError as error:
        raise ContentsError(f"{file.name} cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        if isinstance(error, ContentsError):
            raise
        raise ContentsError(f"{file.name} is no safetensors file") from error
    missing = _HEADER_LENGTH + length + max(ends, default=0) - file.stat().st_size
    if missing > 0:
        raise ContentsError(f"{file.name} is incomplete: {missing} bytes are missing")
    return {name: tensor for name, tensor in header.items() if name != "__metadata__"}


def weight_files(folder: Path, part: str, variant: str | None) -> list[Path]:
    """Return the safetensors files that hold the weights of a part, in the variant if there is one.

    Raises:
        ContentsError: there are none, or an index names others than those beside it.
    """
    stem = "diffusion_pytorch_model" if part in ("unet", "vae") else "model"
    for kind in dict.fromkeys((f".{variant}" if variant else "", "")):
        whole = folder / part / f"{stem}{kind}.safetensors"
        index = folder / part / f"{stem}.safetensors.index{kind}.json"
        if index.is_file():
            names = sorted(set(json_of(index).get("weight_map", {}).values()))
            if any(PurePosixPath(name).name != name for name in names):
                raise ContentsError(f"{part}/{index.name} names files outside of its folder")
            return [folder / part / name for name in names]
        if whole.is_file():
            return [whole]
    if any(file.suffix in _PICKLES for file in (folder / part).glob("*")):
        raise ContentsError(f"{part} has no safetensors weights, only a format that can run code when it is read")
    raise ContentsError(f"{part} has no weights")


def _inspect_folder(folder: Path, variant: str | None) -> Contents:
    if not folder.is_dir():
        raise ContentsError(f"there is no folder {folder}")
    index = json_of(folder / "model_index.json")
    pipeline = index.get("_class_name")
    if pipeline not in _PIPELINES:
        raise ContentsError(f"it is made for {pipeline}, and {' and '.join(sorted(_PIPELINES))} can be drawn with")
    unet = json_of(folder / "unet" / "config.json")
    family = _family_of(index, unet)
    check_classes(index, family.parts)
    _check_channels(unet.get("in_channels"))
    prediction = json_of(folder / "scheduler" / "scheduler_config.json").get("prediction_type", "epsilon")
    weights = list(weights_of(folder, family.parts, variant))
    has_variant = variant is not None and any(f".{variant}" in file.name for file in weights)
    size = sum(file.stat().st_size for file in weights)
    return Contents(family, prediction, size, variant if has_variant else None)


def check_classes(index: Mapping[str, Any], parts: Mapping[str, str]) -> None:
    """Raise ContentsError unless the parts that a `model_index.json` names are of some classes."""
    for part, wanted in parts.items():
        named = index.get(part)
        if not isinstance(named, list) or len(named) != 2 or named[1] not in (wanted, f"{wanted}Fast"):
            raise ContentsError(f"{part} must be of the class {wanted}, and model_index.json says {named}")


def weights_of(folder: Path, parts: Iterable[str], variant: str | None) -> Iterator[Path]:
    """Yield the files that hold the weights of some parts.

    Raises:
        ContentsError: one is missing, incomplete, or no safetensors file.
    """
    for part in parts:
        if part.startswith("tokenizer"):
            _check_tokenizer(folder / part)
            continue
        json_of(folder / part / "config.json")
        for file in weight_files(folder, part, variant):
            tensors_of(file)
            yield file


def _check_tokenizer(folder: Path) -> None:
    if not (folder / "tokenizer.json").is_file() and not all(
        (folder / name).is_file() for name in ("vocab.json", "merges.txt")
    ):
        raise ContentsError(f"{folder.name} has no vocabulary")


def _check_channels(channels: Any) -> None:
    if channels != _LATENT_CHANNELS:
        raise ContentsError(f"its UNet takes {channels} channels: it is not made to draw from words alone")


def _family_of(index: Mapping[str, Any], unet: Mapping[str, Any]) -> Family:
    """Return the family by the width of the text that the UNet takes, or by its build where it was scaled."""
    if index["_class_name"] == FAMILIES["sdxl"].pipeline:
        if unet.get("addition_embed_type") != "text_time" or not index.get("text_encoder_2"):
            raise ContentsError("its UNet is not Stable Diffusion XL's, and model_index.json says it is")
        if not (index.get("text_encoder") or [None])[0]:
            raise ContentsError("it is Stable Diffusion XL's refiner, which does not draw by itself")
        return FAMILIES["sdxl"]
    by_build = "sd2" if unet.get("use_linear_projection") else "sd1"
    return FAMILIES[_CONTEXT.get(unet.get("cross_attention_dim", 0), by_build)]


def _inspect_file(file: Path) -> Contents:
    if file.suffix != CHECKPOINT:
        raise ContentsError(f"{file.name} is no {CHECKPOINT} file")
    if not file.is_file():
        raise ContentsError(f"there is no file {file}")
    tensors = tensors_of(file)
    family = _family_of_file(tensors)
    _check_channels(tensors[_INPUT_CONVOLUTION]["shape"][1])
    if not any(name.startswith("first_stage_model.") for name in tensors):
        raise ContentsError(f"{file.name} holds no VAE")
    return Contents(family, "v_prediction" if "v_pred" in tensors else None, file.stat().st_size)


def _family_of_file(tensors: Mapping[str, Any]) -> Family:
    """Return the family by the text encoder, which lies under another name in each."""
    if _INPUT_CONVOLUTION not in tensors:
        raise ContentsError("it holds no UNet of Stable Diffusion: it is a LoRA, a VAE or another model")
    prefixes = {name.split(".transformer.")[0].split(".model.")[0] for name in tensors if name.startswith("cond")}
    if "conditioner.embedders.1" in prefixes:
        return FAMILIES["sdxl"]
    if "conditioner.embedders.0" in prefixes:
        raise ContentsError("it is Stable Diffusion XL's refiner, which does not draw by itself")
    if any(name.startswith("cond_stage_model.model.") for name in tensors):
        return FAMILIES["sd2"]
    if any(name.startswith("cond_stage_model.transformer.") for name in tensors):
        return FAMILIES["sd1"]
    raise ContentsError("it holds no text encoder")


def json_of(file: Path) -> dict[str, Any]:
    """Return the table in a JSON file. Raises ContentsError: there is none."""
    try:
        data = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ContentsError(f"{file.parent.name}/{file.name} is missing") from error
    except (ValueError, RecursionError) as error:
        raise ContentsError(f"{file.parent.name}/{file.name} is not JSON") from error
    if not isinstance(data, dict):
        raise ContentsError(f"{file.parent.name}/{file.name} does not hold a table")
    return data
