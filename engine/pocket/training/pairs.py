"""What the UNet learns from: latents of made-up pictures, in shards that come and go, and fresh captions for them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from engine.pocket.training import scenes, vae
from engine.pocket.training.render import Gallery
from engine.pocket.training.scenes import Scene

WITHOUT_CAPTION = 0.1


@dataclass(frozen=True)
class Shape:
    """One size of pictures.

    Args:
        width, height: in pixels.
        shard: pictures that are made at a time.
        share: of a batch; large pictures come in small batches.
        latest: the noisiest time of the schedule that is learnt at this size, of 1000.
    """

    width: int
    height: int
    shard: int
    share: float = 1.0
    latest: int = 1000

    @property
    def label(self) -> str:
        return f"{self.width}x{self.height}"


SQUARE, WIDE, HIGH = Shape(128, 128, 1024), Shape(192, 128, 256, 0.75), Shape(128, 192, 256, 0.75)
# What is enlarged keeps most of its picture: only the schedule's quieter part is drawn at twice the side.
DOUBLED = Shape(256, 256, 64, 0.25, 500)
# The steps' sizes, over and over.
ROUND = (SQUARE, SQUARE, WIDE, SQUARE, SQUARE, HIGH, SQUARE, SQUARE) * 2
ROUND = (*ROUND[:-1], DOUBLED)
# How often each picture is shown before newer ones take its place, and how many shards are in use at a time.
VIEWS = 4
SHARDS_IN_USE = 8
_FIRST_SHARDS = 3


@dataclass(frozen=True)
class PairBatch:
    """One step's lessons.

    Args:
        latents: (pictures, 4, height / 8, width / 8).
        texts: captions; some are empty, for classifier-free guidance.
        subjects: the first thing of each picture.
        latest: the noisiest time to learn, of 1000.
    """

    latents: Tensor
    texts: list[str]
    subjects: list[int]
    latest: int = 1000


@dataclass(frozen=True)
class Shard:
    """Some pictures of one shape: what they show, and their latents in half precision."""

    scenes: list[Scene]
    latents: Tensor


class Pairs:
    """The UNet's lessons, made when they are needed and kept in a folder.

    Args:
        folder: of the shards; what is no longer in use is deleted.
        gallery: the drawings.
        autoencoder: whose latents are learnt.
    """

    def __init__(self, folder: Path, gallery: Gallery, autoencoder: AutoencoderKL) -> None:
        self._folder, self._gallery, self._autoencoder = folder, gallery, autoencoder
        self._open: OrderedDict[tuple[str, int], Shard] = OrderedDict()

    def draw(self, step: int, count: int, need: np.ndarray | None = None) -> PairBatch:
        """Choose one batch by the step number and the need alone.

        Args:
            step: of the training.
            count: pictures of the square shape; other shapes come in smaller batches.
            need: (subjects,) how much more often each subject is shown; None for all alike.
        """
        random = np.random.default_rng((31, step))
        shape = ROUND[step % len(ROUND)]
        count = max(1, round(count * shape.share))
        shards = [self._shard(shape, number) for number in in_use(shape, step, count)]
        known = [scene for shard in shards for scene in shard.scenes]
        weights = np.ones(len(known)) if need is None else need[[scene.subject for scene in known]]
        heights = np.cumsum(weights)
        rows = np.searchsorted(heights, random.random(count) * heights[-1], side="right")
        latents = torch.stack([shards[row // shape.shard].latents[row % shape.shard] for row in rows])
        texts = [known[row].words(random) if random.random() >= WITHOUT_CAPTION else "" for row in rows]
        return PairBatch(latents.float(), texts, [known[row].subject for row in rows], shape.latest)

    def _shard(self, shape: Shape, number: int) -> Shard:
        key = (shape.label, number)
        if key not in self._open:
            self._open[key] = Shard(shard_scenes(self._gallery, shape, number), self._latents(shape, number))
        self._open.move_to_end(key)
        while len(self._open) > 4 * SHARDS_IN_USE:
            self._open.popitem(last=False)
        return self._open[key]

    def _latents(self, shape: Shape, number: int) -> Tensor:
        path = self._folder / f"{shape.label}-{number:04}.pt"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            made = encode(shard_scenes(self._gallery, shape, number), self._gallery, self._autoencoder)
            torch.save(made, path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
            (self._folder / f"{shape.label}-{number - SHARDS_IN_USE - 1:04}.pt").unlink(missing_ok=True)
        loaded: Tensor = torch.load(path, weights_only=True)
        return loaded


def in_use(shape: Shape, step: int, count: int) -> range:
    """The numbers of the shards that a step chooses from: few at first, then the newest ones.

    Args:
        shape: the step's shape.
        step: of the training.
        count: pictures a batch of this shape.
    """
    before = step // len(ROUND) * ROUND.count(shape) + ROUND[: step % len(ROUND)].count(shape)
    newest = _FIRST_SHARDS - 1 + before * count // (VIEWS * shape.shard)
    return range(max(0, newest - SHARDS_IN_USE + 1), newest + 1)


def shard_scenes(gallery: Gallery, shape: Shape, number: int) -> list[Scene]:
    """What one shard's pictures show, the same in every run."""
    random = np.random.default_rng((33, shape.width, shape.height, number))
    return [scenes.choose(gallery, (shape.width, shape.height), random) for _ in range(shape.shard)]


@torch.no_grad()
def encode(pictured: list[Scene], gallery: Gallery, autoencoder: AutoencoderKL) -> Tensor:
    """(scenes, 4, height / 8, width / 8) latents in half precision."""
    parts = []
    for start in range(0, len(pictured), 16):
        pictures = vae.to_tensor([scene.picture(gallery) for scene in pictured[start : start + 16]])
        parts.append(autoencoder.encode(pictures.to(autoencoder.device)).latent_dist.mean.half().cpu())
    return torch.cat(parts)
