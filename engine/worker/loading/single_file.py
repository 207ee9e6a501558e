"""Checkpoints that come as one file, as A1111 and Civitai have them: tensors only; the rest is the family's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import CLIPTokenizer

from engine.catalog import Family, Source
from engine.catalog.checkpoint_inspection import ContentsError
from engine.catalog.families import BLUEPRINTS

_MERGES = BLUEPRINTS / "merges.txt"
_CONTEXT_TOKENS = 77
_PADDING = {"sd1": ("<|endoftext|>",), "sd2": ("!",), "sdxl": ("<|endoftext|>", "!")}
"""What each tokenizer of a family fills a prompt up with: OpenCLIP's text encoders want exclamation marks."""


def load_single_file(source: Source, family: Family, dtype: torch.dtype) -> Any:
    """Load a pipeline from a checkpoint through diffusers' own converter, without any network.

    Args:
        source: the file.
        family: what it holds.
        dtype: number type of the weights.

    Raises:
        ContentsError: tensors are missing.
    """
    config = source.config or BLUEPRINTS / family.id
    try:
        pipeline = getattr(diffusers, family.pipeline).from_single_file(
            str(source.folder / str(source.file)),
            config=str(config),
            dtype=dtype,
            local_files_only=True,
            **make_tokenizers(config, family),
        )
    except NotImplementedError as error:  # so torch says of a module whose tensors were not filled
        raise ContentsError(f"{source.file} lacks tensors of its UNet or VAE") from error
    for name, part in pipeline.components.items():
        missing = [tensor for tensor, value in getattr(part, "named_parameters", lambda: ())() if value.is_meta]
        if missing:
            raise ContentsError(f"{source.file} lacks {len(missing)} tensors of its {name}, {missing[0]} among them")
    return pipeline


def make_tokenizers(config: Path, family: Family) -> dict[str, CLIPTokenizer]:
    """Return the tokenizers of a pipeline by name: from its folder, or CLIP's where it has none."""
    names = [part for part in family.parts if part.startswith("tokenizer")]
    if (config / names[0]).is_dir():
        return {name: CLIPTokenizer.from_pretrained(config / name, local_files_only=True) for name in names}
    merges = [tuple(line.split()) for line in _MERGES.read_text("utf-8").splitlines()[1:]]
    symbols = _byte_symbols()
    words = [*symbols, *(f"{symbol}</w>" for symbol in symbols), *("".join(pair) for pair in merges)]
    tokens = [*words, "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return {
        name: CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=padding, model_max_length=_CONTEXT_TOKENS)
        for name, padding in zip(names, _PADDING[family.id], strict=True)
    }


def _byte_symbols() -> list[str]:
    """Return the character that stands for each byte, in the vocabulary's order.

    Source: github.com/openai/CLIP, clip/simple_tokenizer.py: bytes that are printable stand for themselves and come
    first, the others get characters from 256 on.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(256 - len(printable))]
