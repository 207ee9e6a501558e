"""Text encoders: a prompt of any length, with weights, to the context that the UNet attends to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.api import OutOfRange, Passage, Prompt, words_pattern
from engine.worker.conditioning.inversions import placed, read_vectors

_LEAST_WEIGHT = 1e-5
_COMMA = ",</w>"
_BACKTRACK = 20
"""Tokens that a chunk may leave empty so that it ends with a comma, as in A1111."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What a text encoder makes of a prompt.

    Args:
        context: (1, tokens, features), tokens a multiple of the encoder's length.
        pooled: (1, features), of the first chunk without weights; None where the encoder has no projection.
    """

    context: Tensor
    pooled: Tensor | None


@dataclass(frozen=True, slots=True)
class _Token:
    """A token of a prompt.

    Args:
        id: in the vocabulary.
        weight: of its passage.
        passage: number of its passage, because each that weighs less than 1.0 is faded by itself.
        vector: (features,), which takes the token's place in the text encoder; None for a token of the vocabulary.
        goes_on: whether it must stay in a chunk with the token before it.
    """

    id: int
    weight: float
    passage: int
    vector: Tensor | None = None
    goes_on: bool = False


class TextEncoder:
    """One text encoder of a pipeline, for one request.

    Args:
        tokenizer, model: a `CLIPTokenizer` and its `CLIPTextModel` or `CLIPTextModelWithProjection`.
        penultimate: whether the context is the last hidden state but one, as SDXL's, or the normalised last.
        words: (vectors, features) of each word that stands for a textual inversion, in lower case.
        clip_skip: last layers to skip besides.
    """

    def __init__(
        self, tokenizer: Any, model: Any, penultimate: bool, words: Mapping[str, Tensor], clip_skip: int = 0
    ) -> None:
        self._tokenizer = tokenizer
        self._words = words
        self._word = words_pattern(list(words))
        self._model = model
        self._penultimate = penultimate
        self._clip_skip = clip_skip
        self._length: int = tokenizer.model_max_length

    def encode(self, prompt: Prompt) -> Encoded:
        """Encode each chunk by itself and put the contexts one behind the other.

        A short prompt without weights comes out as from the stock pipeline's `encode_prompt`, bit for bit.
        """
        chunks = self._chunks(prompt)
        runs = [self._run(chunk) for chunk in chunks]
        contexts = [self._weighted(chunk, context) for chunk, (context, _) in zip(chunks, runs, strict=True)]
        return Encoded(torch.cat(contexts, dim=1), runs[0][1])

    def lengthen(self, context: Tensor, tokens: int) -> Tensor:
        """Return a context with those of the empty prompt behind it: zeros would take part in the attention."""
        missing = (tokens - context.shape[1]) // self._length
        return torch.cat([context, *[self._empty] * missing], dim=1) if missing else context

    @cached_property
    def _empty(self) -> Tensor:
        return self._run(())[0]

    def _chunks(self, prompt: Prompt) -> Sequence[Sequence[_Token]]:
        chunks: list[Sequence[_Token]] = []
        for section in prompt.sections:
            tokens = self._tokens(section)
            while tokens:
                end = self._end(tokens)
                chunks.append(tokens[:end])
                tokens = tokens[end:]
        return chunks or [()]

    def _tokens(self, section: Sequence[Passage]) -> Sequence[_Token]:
        tokens: list[_Token] = []
        for number, passage in enumerate(section):
            for text, vectors in self._pieces(passage.text):
                if vectors is None:
                    ids = self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids
                    tokens += [_Token(token, passage.weight, number) for token in ids]
                else:
                    # Any token will do, but the end's, by which pooled text is found.
                    tokens += [_Token(0, passage.weight, number, row, place > 0) for place, row in enumerate(vectors)]
        return tokens

    def _pieces(self, text: str) -> Iterator[tuple[str, Tensor | None]]:
        """Yield the words that stand for vectors, and the text between them."""
        end = 0
        for word in self._word.finditer(text):
            yield text[end : word.start()], None
            yield word[0], self._words[word[0].lower()]
            end = word.end()
        yield text[end:], None

    def _end(self, tokens: Sequence[_Token]) -> int:
        """Return where to end a chunk: after the last comma near its end, if that saves a phrase from being cut."""
        room = self._length - 2
        if len(tokens) <= room:
            return len(tokens)
        comma = self._tokenizer.convert_tokens_to_ids(_COMMA)
        ends = (end for end in range(room, room - _BACKTRACK, -1) if tokens[end - 1].id == comma)
        end = next(ends, room)
        while tokens[end].goes_on:
            end -= 1
        return end

    def _ids(self, chunk: Sequence[_Token]) -> Tensor:
        ids = [self._tokenizer.bos_token_id, *(token.id for token in chunk), self._tokenizer.eos_token_id]
        ids += [self._tokenizer.pad_token_id] * (self._length - len(ids))
        return torch.tensor([ids], device=self._model.device)

    def _run(self, chunk: Sequence[_Token], attention_mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the context, in a row for each of the mask, and the pooled text."""
        ids = self._ids(chunk)
        if attention_mask is not None:
            ids = ids.expand(attention_mask.shape)
        vectors = {place: token.vector for place, token in enumerate(chunk, 1) if token.vector is not None}
        with placed(self._model, vectors):
            hidden = self._penultimate or self._clip_skip > 0
            output = self._model(ids, attention_mask=attention_mask, output_hidden_states=hidden)
        return self._context(output), getattr(output, "text_embeds", None)

    def _context(self, output: Any) -> Tensor:
        """Return the hidden state that the UNet attends to; the stock pipeline normalises all but SDXL's."""
        if not (self._penultimate or self._clip_skip):
            return output.last_hidden_state  # type: ignore[no-any-return]
        layer = self._clip_skip + (2 if self._penultimate else 1)
        if layer >= len(output.hidden_states):
            most = len(output.hidden_states) - (3 if self._penultimate else 2)
            raise OutOfRange("clip skip", self._clip_skip, 0, most)
        context: Tensor = output.hidden_states[-layer]
        return context if self._penultimate else self._model.final_layer_norm(context)

    def _weighted(self, chunk: Sequence[_Token], context: Tensor) -> Tensor:
        """Move each token's context away from the empty prompt's, or towards it, by the token's weight.

        A passage that weighs less than 1.0 is faded besides: the context is mixed with that of the chunk in which
        nothing attends to the passage, so that at 0.0 it is as if it had not been written.

        Source: the method of Damian Stewart's compel, whose numbers these are.
        """
        if all(token.weight == 1.0 for token in chunk):
            return context
        faded = {token.passage: token.weight for token in chunk if token.weight < 1.0}
        contexts, shares = context, [1.0]
        if faded:
            masks = torch.ones(len(faded), self._length, dtype=torch.long, device=context.device)
            for row, passage in enumerate(faded):
                masks[row, [place for place, token in enumerate(chunk, 1) if token.passage == passage]] = 0
            without, _ = self._run(chunk, masks)
            contexts = torch.cat([context, without])
            shares += [math.tan((1.0 - max(weight, _LEAST_WEIGHT)) * math.pi / 2) for weight in faded.values()]
        weights = [1.0, *(token.weight for token in chunk)]
        weights += [1.0] * (self._length - len(weights))
        mixed = _mix(_scale(contexts.float(), self._empty.float(), weights), shares)
        return mixed.to(context.dtype)


def text_encoders(pipeline: Any, inversions: Mapping[str, Path], clip_skip: int) -> Sequence[TextEncoder]:
    """Return a pipeline's text encoder, or both of SDXL's.

    Args:
        pipeline: a `StableDiffusionPipeline` or `StableDiffusionXLPipeline`.
        inversions: files of textual inversions by the word that stands for them.
        clip_skip: last layers to skip.

    Raises:
        InversionError: one of the files is not for this model.
    """
    parts = [(pipeline.tokenizer, pipeline.text_encoder)]
    if two := getattr(pipeline, "text_encoder_2", None) is not None:
        parts.append((pipeline.tokenizer_2, pipeline.text_encoder_2))
    features = [model.get_input_embeddings().weight.shape[1] for _, model in parts]
    vectors = {word.lower(): read_vectors(file, features) for word, file in inversions.items()}
    return [
        TextEncoder(tokenizer, model, two, {word: each[number] for word, each in vectors.items()}, clip_skip)
        for number, (tokenizer, model) in enumerate(parts)
    ]


def _scale(contexts: Tensor, empty: Tensor, weights: Sequence[float]) -> Tensor:
    factors = torch.tensor(weights, device=contexts.device)[:, None]
    return torch.where(factors == 1.0, contexts, empty + (contexts - empty) * factors)


def _mix(contexts: Tensor, shares: Sequence[float]) -> Tensor:
    portions = torch.tensor(shares, device=contexts.device)
    return torch.einsum("n,ntf->tf", portions / portions.sum(), contexts)[None]
