"""What the UNet learns from, computed once: latents of placed pictures and text states of captions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from engine.pocket.training import captions, render, vae
from engine.pocket.training.render import STYLES, Gallery
from engine.pocket.training.subjects import SUBJECTS, Subject

# How often each placement of a picture is shown: as it is, mirrored, three times moved, on a colour. Much mirroring
# makes crosses of slanted things such as knives.
PLACEMENTS = (0.68, 0.04, 0.08, 0.07, 0.06, 0.07)
ON_COLOUR = len(PLACEMENTS) - 1
# The default style is what nearly every prompt asks for.
STYLE_SHARES = (0.46, 0.21, 0.2, 0.13)
CAPTIONS = 20
CAPTIONS_ON_COLOUR = 6


@dataclass(frozen=True)
class Pairs:
    """The UNet's lessons.

    Args:
        latents: (subjects, styles, placements, 4, 16, 16) half precision.
        states: (captions, 77, width) half precision; the last row belongs to the empty caption.
        plain: (subjects, styles, 20) rows of `states` for pictures on white.
        coloured: (subjects, styles, 6) rows for the picture on a colour.
    """

    latents: Tensor
    states: Tensor
    plain: Tensor
    coloured: Tensor

    def draw(self, step: int, count: int) -> tuple[Tensor, Tensor]:
        """Choose one batch by the step number alone: (count, 4, 16, 16) latents and (count, 77, width) states."""
        random = np.random.default_rng((31, step))
        subjects = random.integers(0, self.latents.shape[0], count)
        styles = random.choice(len(STYLES), count, p=STYLE_SHARES)
        placements = random.choice(len(PLACEMENTS), count, p=PLACEMENTS)
        wordings = random.integers(0, 1 << 30, count)
        rows = np.where(
            placements == ON_COLOUR,
            self.coloured.numpy()[subjects, styles, wordings % CAPTIONS_ON_COLOUR],
            self.plain.numpy()[subjects, styles, wordings % CAPTIONS],
        )
        # One caption in ten is left out, for classifier-free guidance.
        rows = np.where(random.random(count) < 0.1, len(self.states) - 1, rows)
        return self.latents[subjects, styles, placements].float(), self.states[rows].float()


def open_pairs(
    path: Path, gallery: Gallery, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer, text: CLIPTextModel
) -> Pairs:
    """Load the lessons, computing them on first use (some minutes on one core)."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        texts, plain, coloured = _word(np.random.default_rng(32))
        lessons = {
            "latents": _encode(gallery, autoencoder),
            "states": text_states(texts, tokenizer, text),
            "plain": plain,
            "coloured": coloured,
        }
        torch.save(lessons, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    return Pairs(**torch.load(path, weights_only=True))


def background(subject_number: int, style_number: int) -> str:
    """The one background colour that a picture is shown on."""
    return list(captions.BACKGROUNDS)[(subject_number * len(STYLES) + style_number * 3) % len(captions.BACKGROUNDS)]


@torch.no_grad()
def text_states(texts: list[str], tokenizer: CLIPTokenizer, text: CLIPTextModel) -> Tensor:
    """(texts, 77, width) half-precision states as the pipeline would feed to the UNet."""
    tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    return torch.cat([text(input_ids=part).last_hidden_state.half() for part in tokens.split(64)])


def _word(random: np.random.Generator) -> tuple[list[str], Tensor, Tensor]:
    known: dict[str, int] = {}

    def row(subject: Subject, style: str, colour: str) -> int:
        return known.setdefault(captions.caption(subject, style, colour, random), len(known))

    plain = [[[row(subject, style, "") for _ in range(CAPTIONS)] for style in STYLES] for subject in SUBJECTS]
    coloured = [
        [
            [row(subject, style, background(number, place)) for _ in range(CAPTIONS_ON_COLOUR)]
            for place, style in enumerate(STYLES)
        ]
        for number, subject in enumerate(SUBJECTS)
    ]
    return [*known, ""], torch.tensor(plain), torch.tensor(coloured)


@torch.no_grad()
def _encode(gallery: Gallery, autoencoder: AutoencoderKL) -> Tensor:
    random = np.random.default_rng(33)
    drawn = [
        picture
        for number, subject in enumerate(SUBJECTS)
        for place, style in enumerate(STYLES)
        for picture in _placements(gallery.picture(subject.code, style), background(number, place), random)
    ]
    parts = [
        autoencoder.encode(vae.to_tensor(drawn[start : start + 8])).latent_dist.mean.half()
        for start in range(0, len(drawn), 8)
    ]
    return torch.cat(parts).reshape(len(SUBJECTS), len(STYLES), len(PLACEMENTS), 4, 16, 16)


def _placements(picture: render.Bytes, colour: str, random: np.random.Generator) -> list[render.Bytes]:
    placed = [render.compose(picture), render.compose(picture, flip=True)]
    for name in ("", "", "", colour):
        where = (random.uniform(-1, 1), random.uniform(-1, 1))
        ground = captions.BACKGROUNDS.get(name, (255, 255, 255))
        placed.append(render.compose(picture, ground, random.uniform(0.75, 0.95), where, bool(random.random() < 0.5)))
    return placed
