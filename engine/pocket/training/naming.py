"""Train the classifier that names pocket's pictures, on drawings that pocket never sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from engine.pocket.scoring import namer
from engine.pocket.training import clip, loop, render, scenes, sheets
from engine.pocket.training.paint import PAINTS
from engine.pocket.training.render import Gallery
from engine.pocket.training.scenes import Thing
from engine.pocket.training.subjects import SUBJECTS

VIEWS = 32
BATCH = 64
RATE = 2e-3
# Pictures of other shapes are made square before they are named.
SHAPES = ((128, 128), (128, 128), (192, 128), (128, 192))
_TURN = 0.25
_STRETCH = 0.15


class NamerPart:
    """The classifier learning, on placed, painted, turned and disturbed pictures.

    Args:
        unseen: the galleries it learns from.
        familiar: what the UNet learns from: here only to see how well the classifier does on it.
    """

    def __init__(self, unseen: Gallery, familiar: Gallery) -> None:
        self.pixels, self.labels, _ = _views(unseen, VIEWS)
        self.familiar_pixels, self.familiar_labels, self.styles = _views(familiar, 0)
        self.namer = namer.Namer(len(namer.kinds()))
        self.optimiser = torch.optim.AdamW(self.namer.parameters(), weight_decay=0.05)

    def learn(self, step: int, progress: float) -> dict[str, float]:
        random = np.random.default_rng((61, step))
        rows = torch.from_numpy(random.integers(0, len(self.labels), BATCH))
        torch.manual_seed(step)
        pictures = clip.disturbed(_scaled(self.pixels[rows]), torch.default_generator)
        scores = self.namer(_turned(pictures))
        loss = functional.cross_entropy(scores, self.labels[rows], label_smoothing=0.05)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        loop.set_rate(self.optimiser, RATE * loop.rate_share(step, progress, 0.2))
        self.optimiser.step()
        return {"loss": loss.item(), "right": _right(scores, self.labels[rows])}

    def state_dict(self) -> dict[str, Any]:
        return {"namer": self.namer.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.namer.load_state_dict(state["namer"])
        self.optimiser.load_state_dict(state["optimiser"])

    @torch.no_grad()
    def show(self, path: Path) -> None:
        """Print how well it names what the UNet learns from, and write what it names wrongly."""
        self.namer.eval()
        parts = [self.namer(_scaled(part)) for part in torch.split(self.familiar_pixels, 128)]
        self.namer.train()
        scores = torch.cat(parts)
        right = (scores.argmax(dim=1) == self.familiar_labels).float()
        shares = {
            style: round(right[[own == style for own in self.styles]].mean().item(), 3) for style in set(self.styles)
        }
        print(f"of what the UNet learns from, names {shares}", flush=True)
        wrong = (scores.argmax(dim=1) != self.familiar_labels).nonzero().flatten()[:96]
        names = [namer.kinds()[guess][:10] for guess in scores[wrong].argmax(dim=1).tolist()]
        if len(wrong):
            sheets.save([self.familiar_pixels[row].numpy() for row in wrong], path, columns=16, labels=names)


def _views(gallery: Gallery, count: int) -> tuple[Tensor, Tensor, list[str]]:
    """Small pictures, their kinds' numbers, their sets: each as it is, and `count` times made up and painted."""
    random = np.random.default_rng(62)
    kinds = {name: number for number, name in enumerate(namer.kinds())}
    known = {code: number for number, subject in enumerate(SUBJECTS) for code in subject.codes}
    pixels, labels, sets = [], [], []
    for (code, kind), row in gallery.index.items():
        if code not in known or kind == "line art":
            continue
        thing = Thing(known[code], code, kind)
        pixels += [_small(render.compose(np.asarray(gallery.pixels[row])))]
        pixels += [_varied(thing, gallery, random) for _ in range(count)]
        labels += [kinds[SUBJECTS[thing.subject].names[0]]] * (1 + count)
        sets += [kind] * (1 + count)
    return torch.from_numpy(np.stack(pixels)), torch.tensor(labels), sets


def _varied(thing: Thing, gallery: Gallery, random: np.random.Generator) -> Any:
    if SUBJECTS[thing.subject].paintable and random.random() < 0.5:
        thing = replace(thing, paint=str(random.choice(list(PAINTS))))
    shape = SHAPES[random.integers(len(SHAPES))]
    picture = Image.fromarray(scenes.alone(thing, shape, random).picture(gallery))
    return _small(np.asarray(namer.squared(picture)))


def _small(picture: Any) -> Any:
    return np.asarray(Image.fromarray(picture).resize((namer.SIDE, namer.SIDE), Image.Resampling.BICUBIC))


def _scaled(pixels: Tensor) -> Tensor:
    return pixels.movedim(-1, 1).float() / 127.5 - 1


def _turned(pictures: Tensor) -> Tensor:
    """Turn, stretch and move every picture a little."""
    count = len(pictures)
    angle = (torch.rand(count) * 2 - 1) * _TURN
    across, down = (1 + (torch.rand(2, count) * 2 - 1) * _STRETCH).unbind()
    shift = (torch.rand(2, count) * 2 - 1) * 0.08
    first = torch.stack([angle.cos() * across, -angle.sin() * down, shift[0]], dim=1)
    second = torch.stack([angle.sin() * across, angle.cos() * down, shift[1]], dim=1)
    grid = functional.affine_grid(torch.stack([first, second], dim=1), list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _right(scores: Tensor, labels: Tensor) -> float:
    return (scores.argmax(dim=1) == labels).float().mean().item()
