"""Textual inversion: words that stand for vectors from a file instead of tokens of the vocabulary.

Neither tokenizer nor text encoder is changed, so that nothing is loaded into what other requests use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

MAX_VECTORS = 75
_SDXL_KEYS = ("clip_l", "clip_g")


class InversionError(Exception):
    """The file is no textual inversion for this model; the message says why."""


def read_vectors(file: Path, features: Sequence[int]) -> Sequence[Tensor]:
    """Read a textual inversion from safetensors, as diffusers and A1111 write them.

    Args:
        file: one tensor under any name; or, for SDXL, `clip_l` and `clip_g`.
        features: of the token embeddings of each text encoder of the model.

    Returns:
        For each encoder (vectors, features), float32 on the CPU.

    Raises:
        InversionError: the file cannot be read or does not fit.
    """
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError) as error:
        raise InversionError(f"{file.name} cannot be read ({error})") from error
    found = [tensors[key] for key in _SDXL_KEYS] if set(tensors) == set(_SDXL_KEYS) else list(tensors.values())
    if len(found) != len(features):
        raise InversionError(f"{file.name} is for {len(found)} text encoders, and the model has {len(features)}")
    vectors = [tensor[None] if tensor.ndim == 1 else tensor for tensor in found]
    counts = {len(rows) for rows in vectors}
    for rows, size in zip(vectors, features, strict=True):
        if rows.ndim != 2 or rows.shape[1] != size or not rows.is_floating_point():
            raise InversionError(f"{file.name} has vectors of {rows.shape[-1]} numbers, and the model needs {size}")
        if not rows.isfinite().all():
            raise InversionError(f"{file.name} holds numbers that are not finite")
    if len(counts) > 1 or not 1 <= counts.pop() <= MAX_VECTORS:
        raise InversionError(f"{file.name} must have 1 to {MAX_VECTORS} vectors, as many for each text encoder")
    return [rows.float() for rows in vectors]


@contextmanager
def placed(model: Any, vectors: Mapping[int, Tensor]) -> Iterator[None]:
    """Put vectors in the place of tokens, in every row of every run of a text encoder until the end of the block.

    Args:
        model: a `CLIPTextModel` or `CLIPTextModelWithProjection`, in use by this thread alone.
        vectors: of (features,), by the place of the token.
    """
    if not vectors:
        yield
        return
    rows = torch.stack(list(vectors.values()))

    def replace(module: Any, arguments: Any, embeddings: Tensor) -> Tensor:
        replaced = embeddings.clone()
        replaced[:, list(vectors)] = rows.to(embeddings)
        return replaced

    handle = model.get_input_embeddings().register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()
