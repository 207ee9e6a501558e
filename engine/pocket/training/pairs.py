"""What the UNet learns from: latents of placed and painted pictures, computed once, and fresh captions for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from engine.pocket.training import captions, render, vae
from engine.pocket.training.paint import PAINTS, painted
from engine.pocket.training.render import STYLES, Gallery
from engine.pocket.training.subjects import SUBJECTS

# The default style is what nearly every prompt asks for.
STYLE_SHARES = {"3d": 0.5, "flat": 0.19, "noto": 0.19, "line art": 0.12}
# How often a picture is shown as it is, mirrored, in each moved place, and on each coloured ground. Much mirroring
# makes crosses of slanted things such as knives.
AS_IT_IS, MIRRORED, MOVED, ON_GROUND = 0.68, 0.03, (0.1, 0.07), (0.06, 0.06)
# Against all pictures of one subject in one style.
PAINTED = 0.9
PAINTED_STYLES = ("3d", "flat", "noto")
WITHOUT_CAPTION = 0.1
# One in so many pairs of subject and colour is never shown, to see whether colour words are understood by themselves.
HELD_OUT_PAINTS_EVERY = 9


@dataclass(frozen=True)
class Scene:
    """One picture that is shown again and again.

    Args:
        subject: number in `SUBJECTS`.
        style: one of `STYLES`.
        share: how often it is shown, against the others.
        ground: a key of `captions.BACKGROUNDS`, or empty for white.
        paint: a key of `PAINTS`, or empty.
        scale, shift, flip: where, as in `render.compose`.
    """

    subject: int
    style: str
    share: float
    ground: str = ""
    paint: str = ""
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    flip: bool = False

    def picture(self, gallery: Gallery) -> render.Bytes:
        """(128, 128, 3) bytes."""
        found = gallery.picture(SUBJECTS[self.subject].code, self.style)
        if self.paint:
            found = painted(found, PAINTS[self.paint])
        ground = captions.BACKGROUNDS.get(self.ground, (255, 255, 255))
        return render.compose(found, ground, self.scale, self.shift, self.flip)

    def words(self, random: np.random.Generator) -> str:
        """A caption, worded by chance."""
        return captions.caption(SUBJECTS[self.subject], self.style, self.ground, random, self.paint)


class Pairs:
    """The UNet's lessons.

    Args:
        scenes: what is shown.
        latents: (scenes, 4, 16, 16), half precision.
    """

    def __init__(self, scenes: list[Scene], latents: Tensor) -> None:
        self.scenes, self.latents = scenes, latents
        self._shares = np.array([scene.share for scene in scenes])
        self._subjects = np.array([scene.subject for scene in scenes])

    def draw(self, step: int, count: int, need: np.ndarray | None = None) -> tuple[Tensor, list[str], list[int]]:
        """Choose one batch by the step number and the need alone.

        Args:
            step: of the training.
            count: scenes to choose.
            need: (subjects,) how much more often each subject is shown than its scenes' shares say; None for all alike.

        Returns:
            (count, 4, 16, 16) latents, their captions (some empty, for classifier-free guidance), their subjects.
        """
        random = np.random.default_rng((31, step))
        heights = np.cumsum(self._shares if need is None else self._shares * need[self._subjects])
        rows = np.searchsorted(heights, random.random(count) * heights[-1], side="right")
        texts = [self.scenes[row].words(random) if random.random() >= WITHOUT_CAPTION else "" for row in rows]
        return self.latents[rows].float(), texts, [self.scenes[row].subject for row in rows]


def open_pairs(path: Path, gallery: Gallery, autoencoder: AutoencoderKL) -> Pairs:
    """Load the lessons, computing their latents on first use (some minutes on one core)."""
    scenes = list(all_scenes())
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(_encode(scenes, gallery, autoencoder), path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    return Pairs(scenes, torch.load(path, weights_only=True))


def all_scenes() -> Iterator[Scene]:
    """Every picture the UNet is shown, the same in every run."""
    random = np.random.default_rng(33)
    for number, subject in enumerate(SUBJECTS):
        for style in STYLES:
            yield from _natural(number, style, random)
        if subject.paintable:
            yield from _painted(number, random)


def held_out_paint(subject: int, paint: str) -> bool:
    """Say whether this subject is never shown in this colour."""
    return (subject * 5 + list(PAINTS).index(paint) * 2) % HELD_OUT_PAINTS_EVERY == 0


def _natural(subject: int, style: str, random: np.random.Generator) -> Iterator[Scene]:
    share = STYLE_SHARES[style]
    yield Scene(subject, style, share * AS_IT_IS)
    yield Scene(subject, style, share * MIRRORED, flip=True)
    for moved in MOVED:
        scale, shift = _place(random)
        yield Scene(subject, style, share * moved, scale=scale, shift=shift)
    grounds = random.choice(list(captions.BACKGROUNDS), len(ON_GROUND), replace=False)
    for coloured, ground in zip(ON_GROUND, grounds, strict=True):
        scale, shift = _place(random)
        yield Scene(subject, style, share * coloured, ground=str(ground), scale=scale, shift=shift)


def _painted(subject: int, random: np.random.Generator) -> Iterator[Scene]:
    shown = [paint for paint in PAINTS if not held_out_paint(subject, paint)]
    for style in PAINTED_STYLES:
        share = PAINTED * STYLE_SHARES[style] / len(shown)
        for paint in shown:
            yield Scene(subject, style, share * 0.75, paint=paint)
            scale, shift = _place(random)
            yield Scene(subject, style, share * 0.25, paint=paint, scale=scale, shift=shift)


def _place(random: np.random.Generator) -> tuple[float, tuple[float, float]]:
    return random.uniform(0.75, 0.95), (random.uniform(-1, 1), random.uniform(-1, 1))


@torch.no_grad()
def _encode(scenes: list[Scene], gallery: Gallery, autoencoder: AutoencoderKL) -> Tensor:
    parts = []
    for start in range(0, len(scenes), 16):
        pictures = vae.to_tensor([scene.picture(gallery) for scene in scenes[start : start + 16]])
        parts.append(autoencoder.encode(pictures).latent_dist.mean.half())
    return torch.cat(parts)
