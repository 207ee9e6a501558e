"""What the file of an add-on is, told from the header of its weights, without torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.catalog.addons import INVERSIONS, LORAS
from engine.catalog.checkpoint_inspection import ContentsError, tensors_of
from engine.catalog.families import FAMILIES, Family

_LORA = re.compile(r"lora_(down|up|A|B)\b|lora(_linear_layer)?\.(down|up)\b")
_UNREAD = re.compile(r"\b(hada_|lokr_|oft_|dora_scale|lora_magnitude)")
_DOWN = re.compile(r"lora_(down|A)\.|lora(_linear_layer)?\.down\.")
_CROSS_ATTENTION = re.compile(r"attn2[._](processor\.)?to_[kv]")
_TEXT_LAYER = re.compile(r"(q_proj|k_proj|v_proj|out_proj|fc1|to_q|to_k|to_v)")
_SECOND_ENCODER = ("lora_te1_", "lora_te2_", "text_encoder_2.")
_ENCODER = ("lora_te_", "text_encoder.")
_TEXT_WIDTHS = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""Of what the UNet of each family attends to."""
_VECTOR_WIDTHS = {(768,): "sd1", (1024,): "sd2", (768, 1280): "sdxl"}
"""Of the token embeddings of each family's text encoders."""
_SDXL_VECTORS = ("clip_l", "clip_g")
_MAX_VECTORS = 75


@dataclass(frozen=True, slots=True)
class AddOnContents:
    """What was found.

    Args:
        kind: LORAS or INVERSIONS.
        family: of the models that it is for; None where its tensors do not say.
        size: bytes of the file.
    """

    kind: str
    family: Family | None
    size: int


def inspect_addon(file: Path) -> AddOnContents | None:
    """Return what a file is, or None if it is neither a LoRA nor a textual inversion.

    Raises:
        ContentsError: it cannot be read, or is a LoRA that cannot be used here.
    """
    if not file.is_file():
        raise ContentsError(f"there is no file {file}")
    tensors = tensors_of(file)
    if odd := next((name for name in tensors if _UNREAD.search(name)), None):
        raise ContentsError(f"it is a LoRA of a kind that is not read here ({odd})")
    if any(_LORA.search(name) for name in tensors):
        return AddOnContents(LORAS, _family_of_lora(tensors), file.stat().st_size)
    if widths := _vector_widths(tensors):
        return AddOnContents(INVERSIONS, FAMILIES.get(_VECTOR_WIDTHS.get(widths, "")), file.stat().st_size)
    return None


def check_addon(file: Path, kind: str, family: str) -> int:
    """Return the bytes of an add-on's file. Raises ContentsError: it is not what its entry says."""
    found = inspect_addon(file)
    if found is None or found.kind != kind:
        raise ContentsError(f"{file.name} is not what its table says, [{kind}]")
    if found.family is not None and found.family.id != family:
        raise ContentsError(
            f"it is for {found.family.title} (family {found.family.id!r}), and the catalogue says {family!r}"
        )
    return found.size


def _family_of_lora(tensors: Mapping[str, Any]) -> Family | None:
    """Return the family by what the UNet's cross-attention takes, or else by the text encoders that are changed."""
    downs = {name: tensor["shape"] for name, tensor in tensors.items() if _DOWN.search(name)}
    for name, shape in downs.items():
        if _CROSS_ATTENTION.search(name):
            if shape[1] not in _TEXT_WIDTHS:
                raise ContentsError(f"it is a LoRA for models that attend to {shape[1]} numbers, none of those here")
            return FAMILIES[_TEXT_WIDTHS[shape[1]]]
    if any(name.startswith(_SECOND_ENCODER) for name in downs):
        return FAMILIES["sdxl"]
    widths = [
        shape[1]
        for name, shape in downs.items()
        if name.startswith(_ENCODER) and _TEXT_LAYER.search(name) and shape[1] in _TEXT_WIDTHS
    ]
    return FAMILIES[_TEXT_WIDTHS[widths[0]]] if widths else None


def _vector_widths(tensors: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the widths of a textual inversion's vectors; none if the tensors are no such vectors."""
    names = _SDXL_VECTORS if set(tensors) == set(_SDXL_VECTORS) else tuple(tensors)
    shapes = [tensors[name]["shape"] for name in names]
    if (len(names) != 1 and names != _SDXL_VECTORS) or any(len(shape) not in (1, 2) for shape in shapes):
        return ()
    if any(len(shape) == 2 and not 1 <= shape[0] <= _MAX_VECTORS for shape in shapes):
        return ()
    return tuple(shape[-1] for shape in shapes)
