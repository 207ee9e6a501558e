"""What the safety checker learns from: square views of pictures, as the gate shows them, and the slot of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.pocket.training import clip, render, scenes
from engine.pocket.training.render import STYLES, Gallery
from engine.pocket.training.scenes import Thing
from engine.pocket.training.subjects import SUBJECTS
from engine.views import square_views

SIDE = 128
"""Of the largest square that is one view, in pixels."""
SLOTS = 17
BLOCKED = tuple(number for number, subject in enumerate(SUBJECTS) if subject.blocked)
HELD_OUT_EVERY = 8
HARMLESS_COPIES = 3
SHAPES = ((128, 128), (128, 128), (192, 128), (128, 192))
CROWD_SHAPES = ((192, 128), (128, 192), (228, 128), (256, 64), (128, 128))
PASTED = 0.4
"""Share of blocked renderings that are a part of a canvas of harmless ones."""
PASTED_SIZES = (0.4, 1.0)
"""Sides of pasted squares, as shares of the canvas's shorter side."""
WHOLE = 0.95
"""A view holds a drawing whole if it has so much of it, as a share of what the best view has."""


@dataclass(frozen=True)
class Lessons:
    """Small views and the slot that must answer to each.

    Args:
        pixels: (views, 64, 64, 3) bytes.
        slots: (views,) slot numbers, -1 for harmless.
        pictures: (views,) which picture each is of; those that are held out and harmless have all of theirs.
        held_out: (views,) true where only the thresholds may look.
        generated: (views,) true where a UNet drew the picture.
    """

    pixels: Tensor
    slots: Tensor
    pictures: Tensor
    held_out: Tensor
    generated: Tensor


@dataclass
class _Shelf:
    """Views as they are made."""

    pixels: list[render.Bytes] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    held_out: list[bool] = field(default_factory=list)

    def put(self, views: list[render.Bytes], slot: int, held_out: bool) -> None:
        """Add a picture."""
        picture = self.pictures[-1] + 1 if self.pictures else 0
        self.pixels += views
        self.slots += [slot] * len(views)
        self.pictures += [picture] * len(views)
        self.held_out += [held_out] * len(views)


def slot_of(subject_number: int, style: str) -> int:
    """The slot that answers to a subject in a style, -1 for harmless ones.

    Line art looks so different that it has slots of its own; knife and dagger share theirs, because there are 17.
    """
    if subject_number not in BLOCKED:
        return -1
    place = BLOCKED.index(subject_number)
    if style != "line art":
        return place
    labels = [SUBJECTS[number].label for number in BLOCKED]
    if labels[place] == "knife":
        place = labels.index("dagger")
    others = [number for number, label in enumerate(labels) if label != "knife"]
    return len(BLOCKED) + others.index(place)


def gather(gallery: Gallery, generated: Path, views: int, crowds: int) -> Lessons:
    """Place renderings in many ways and add what the UNet drew.

    Args:
        gallery: every rendering; all but the blocked subjects are harmless.
        generated: file of drawn pictures (`pixels`, `subjects`, `styles`, `pictures`); may be missing.
        views: copies of each blocked rendering.
        crowds: canvases of several harmless renderings.
    """
    random = np.random.default_rng(41)
    shelf = _Shelf()
    known = {code: number for number, subject in enumerate(SUBJECTS) for code in subject.codes}
    blocked = {code for number in BLOCKED for code in SUBJECTS[number].codes}
    harmless = [Thing(known.get(code, 0), code, kind) for code, kind in gallery.index if code not in blocked]
    for number, (code, kind) in enumerate(gallery.index):
        thing, slot = Thing(known.get(code, 0), code, kind), -1
        if code in blocked:
            slot = slot_of(known[code], render.SETS[kind])
            for copy in range(views):
                # Blocked drawings are few: other placements of the same ones have to serve.
                shelf.put([_blocked_view(thing, harmless, gallery, random)], slot, copy % HELD_OUT_EVERY == 0)
            continue
        for _ in range(HARMLESS_COPIES):
            shape = SHAPES[random.integers(len(SHAPES))]
            picture = scenes.alone(thing, shape, random).picture(gallery)
            _put_harmless(shelf, picture, number % HELD_OUT_EVERY == 0, random)
    for number in range(crowds if harmless else 0):
        shape = CROWD_SHAPES[random.integers(len(CROWD_SHAPES))]
        _put_harmless(shelf, _crowd(shape, harmless, gallery, random), number % HELD_OUT_EVERY == 0, random)
    drawn = len(shelf.pixels)
    if generated.exists():
        _put_generated(shelf, generated)
    return Lessons(
        torch.from_numpy(np.stack(shelf.pixels)),
        torch.tensor(shelf.slots),
        torch.tensor(shelf.pictures),
        torch.tensor(shelf.held_out),
        torch.arange(len(shelf.pixels)) >= drawn,
    )


def views_of(picture: render.Bytes) -> list[render.Bytes]:
    """Return what the gate shows a checker of a picture, shrunk; the whole of it comes first."""
    return [clip.shrink(np.asarray(view)) for view in square_views(Image.fromarray(picture), SIDE)]


def _put_harmless(shelf: _Shelf, picture: render.Bytes, held_out: bool, random: np.random.Generator) -> None:
    views = views_of(picture)
    shelf.put(views if held_out else [views[random.integers(len(views))]], -1, held_out)


def _put_generated(shelf: _Shelf, file: Path) -> None:
    """Add what a UNet drew. Of what must be blocked only the whole picture is known to show it."""
    more = torch.load(file, weights_only=True)
    first = 0
    for number, count in enumerate(torch.bincount(more["pictures"]).tolist()):
        slot = slot_of(int(more["subjects"][first]), STYLES[int(more["styles"][first])])
        seen = more["pixels"][first : first + (1 if slot >= 0 else count)]
        shelf.put(list(seen.numpy()), slot, number % 3 == 0)
        first += count


def _blocked_view(thing: Thing, harmless: list[Thing], gallery: Gallery, random: np.random.Generator) -> render.Bytes:
    """A drawing in a picture of some shape, as one of the views that hold it whole."""
    shape = SHAPES[random.integers(len(SHAPES))]
    scene = scenes.alone(thing, shape, random)
    picture, placed = scene.picture(gallery), scene.things[0]
    side = round(placed.size * min(shape))
    corner = [round(at * length - side / 2) for at, length in zip(placed.middle, shape, strict=True)]
    if harmless and random.random() < PASTED:
        filled = replace(scene, shape=(SIDE, SIDE), things=(replace(placed, size=0.9, middle=(0.5, 0.5)),))
        side = round(min(shape) * random.uniform(*PASTED_SIZES))
        corner = [int(random.integers(length - side + 1)) for length in shape]
        canvas = Image.fromarray(_crowd(shape, harmless, gallery, random))
        canvas.paste(Image.fromarray(filled.picture(gallery)).resize((side, side)), (corner[0], corner[1]))
        picture = np.asarray(canvas)
    left, top = corner
    marked = np.full_like(picture, 255)
    marked[max(0, top) : top + side, max(0, left) : left + side] = 0
    held = [(np.asarray(view) == 0).sum() for view in square_views(Image.fromarray(marked), SIDE)]
    whole = [index for index, count in enumerate(held) if count > WHOLE * max(held)]
    return views_of(picture)[whole[random.integers(len(whole))]]


def _crowd(
    shape: tuple[int, int], harmless: list[Thing], gallery: Gallery, random: np.random.Generator
) -> render.Bytes:
    """A canvas on which squares of harmless things stand side by side, begun anywhere."""
    short = round(min(shape) * random.uniform(0.5, 1.0))
    canvas = Image.new("RGB", shape)
    for left in range(-int(random.integers(short)), shape[0], short):
        for top in range(-int(random.integers(short)), shape[1], short):
            thing = harmless[random.integers(len(harmless))]
            square = scenes.alone(thing, (SIDE, SIDE), random).picture(gallery)
            canvas.paste(Image.fromarray(square).resize((short, short)), (left, top))
    return np.asarray(canvas)
