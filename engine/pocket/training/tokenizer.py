"""Make pocket's own tokenizer: byte pairs learnt from the captions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from tokenizers import pre_tokenizers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77


def learn(texts: Iterable[str], most: int = 4096) -> CLIPTokenizer:
    """Learn a tokenizer that can spell any text and has whole tokens for the words of these.

    Args:
        texts: what the captions are made of.
        most: the largest vocabulary.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # Both forms of every byte, in and at the end of a word, so that nothing is unknown.
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters)]
    merges = _merges(_words(texts), most - len(vocabulary) - 2)
    vocabulary += [*dict.fromkeys("".join(pair) for pair in merges), START, END]
    return CLIPTokenizer(
        vocab={word: place for place, word in enumerate(vocabulary)},
        merges=merges,
        model_max_length=LENGTH,
        pad_token=END,
    )


def save(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write the tokenizer with the two files that older readers look for."""
    tokenizer.save_pretrained(folder)
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"])]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")


def _words(texts: Iterable[str]) -> Counter[tuple[str, ...]]:
    # CLIP's own rules for where words end, so that learning and use agree.
    backend = CLIPTokenizer().backend_tokenizer
    counts: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text)):
            counts[(*word[:-1], f"{word[-1]}</w>")] += 1
    return counts


def _merges(words: Counter[tuple[str, ...]], most: int) -> list[tuple[str, str]]:
    # Ties are broken by spelling: a vocabulary must come out the same in every run, the library's does not.
    merges: list[tuple[str, str]] = []
    while len(merges) < most:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        words = Counter({_merged(word, best): count for word, count in words.items()})
    return merges


def _merged(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    joined: list[str] = []
    for piece in word:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)
