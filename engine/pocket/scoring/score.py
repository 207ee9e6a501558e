"""Score a folder of pocket's weights: what it draws, how variously, in which colours, and whether it is guarded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine.pocket.scoring import namer, prompts, variety
from engine.pocket.scoring.colours import background_colour, main_colour
from engine.pocket.scoring.counting import pieces
from engine.pocket.scoring.drawing import BATCH, GUIDANCE, SIDE, STEPS, Asked, Drawer, DrawnPicture
from engine.pocket.scoring.guard import Guard
from engine.pocket.training.subjects import SUBJECTS, Subject

HELD_OUT_SHEET = Path(__file__).parent / "held_out.png"
WIDE, HIGH = (192, 128), (128, 192)
Figures = dict[str, float]


@dataclass(frozen=True)
class ScorePlan:
    """How much is drawn.

    Args:
        seeds: pictures of each everyday and each coloured prompt.
        variety_seeds: pictures of each prompt whose variety is measured.
        subjects: what is drawn as it is, blocked things among them.
        coloured: names of what is drawn in each of the colours.
        on_grounds: names of what is drawn on backgrounds of each of the colours.
        various: labels of what is drawn with many seeds.
        counted: names of what is drawn two, three and four times.
        together: names of what is drawn two and two.
        parts: which of `PARTS` to score.
    """

    seeds: int = 4
    variety_seeds: int = 6
    subjects: Sequence[Subject] = SUBJECTS
    coloured: Sequence[str] = prompts.COLOURED
    on_grounds: Sequence[str] = prompts.ON_GROUNDS
    various: Sequence[str] = prompts.VARIED
    counted: Sequence[str] = prompts.COUNTED
    together: Sequence[tuple[str, str]] = prompts.TOGETHER
    parts: Sequence[str] = field(default_factory=lambda: tuple(PARTS))


@dataclass(frozen=True)
class Table:
    """What every part of the scoring works with."""

    plan: ScorePlan
    drawer: Drawer
    guard: Guard


def score(weights: Path, plan: ScorePlan, guidance: float = GUIDANCE, steps: int = STEPS) -> Figures:
    """Draw what the plan says with a model folder and judge the pictures.

    Returns:
        Shares from 0 to 1, ratios, `vae_psnr` in dB and `seconds_a_picture`, by name.
    """
    drawer = Drawer(weights, guidance, steps)
    table = Table(plan, drawer, Guard(drawer.pipeline, weights))
    figures: Figures = {}
    for part in plan.parts:
        figures |= PARTS[part](table)
    return figures


def _everyday(table: Table) -> Figures:
    """Recognition, blocking and false alarms of square pictures."""
    drawn = table.drawer.draw(prompts.everyday(table.plan.subjects, table.plan.seeds))
    return _seen(drawn, "") | _guarded(table.guard, drawn, "")


def _sizes(table: Table) -> Figures:
    """The same at the other sizes, one seed each, and of pictures that were enlarged."""
    asked = prompts.everyday(table.plan.subjects, 1)
    figures: Figures = {}
    for name, size in (("wide", WIDE), ("high", HIGH)):
        drawn = table.drawer.draw(asked, size)
        figures |= _seen(drawn, f"_{name}") | _guarded(table.guard, drawn, f"_{name}")
    # Every third everyday thing, and all that must be stopped.
    some = [one for number, one in enumerate(asked) if one.blocked or number % 3 == 0]
    drawn = table.drawer.enlarged(table.drawer.draw(some))
    return figures | _seen(drawn, "_enlarged") | _guarded(table.guard, drawn, "_enlarged")


def _variety(table: Table) -> Figures:
    """How far pictures of one prompt are from each other, and where Vary moves them."""
    plan, drawer = table.plan, table.drawer
    drawn = drawer.draw(prompts.various(plan.various, plan.variety_seeds))
    white = drawer.draw(prompts.various(plan.various, plan.variety_seeds, prompts.ON_WHITE))
    groups = [one.asked.kind for one in drawn]
    pictures, on_white = [one.picture for one in drawn], [one.picture for one in white]
    turned = {
        name: [one.picture for one in drawer.draw(prompts.turned(plan.various, turn))]
        for name, turn in (("subtle", prompts.SUBTLE), ("strong", prompts.STRONG), ("reroll", prompts.REROLL))
    }
    firsts = pictures[:: plan.variety_seeds]
    reroll = variety.moved(firsts, turned["reroll"])
    return {
        "variety_pixels": variety.ratio(variety.pixels(pictures), groups),
        "variety_on_white": variety.ratio(variety.pixels(on_white), groups),
        "silhouettes_overlap": variety.overlap(on_white, groups),
        "variety_features": variety.ratio(_features(pictures), groups),
        "vary_subtle": variety.moved(firsts, turned["subtle"]) / reroll,
        "vary_strong": variety.moved(firsts, turned["strong"]) / reroll,
    }


def _colours(table: Table) -> Figures:
    """Whether things and backgrounds have the colours that are asked for."""
    drawn = table.drawer.draw(prompts.coloured(table.plan.coloured, table.plan.seeds))
    right = [thing_colour(one.picture) == one.asked.colour for one in drawn]
    named = [rank < 5 for rank in _ranks(drawn)]
    apart = [one for one, own in zip(right, drawn, strict=True) if own.asked.held_out]
    behind = table.drawer.draw(prompts.on_grounds(table.plan.on_grounds, table.plan.seeds))
    return {
        "colour_right": _share(right),
        "colour_and_thing_right": _share(one and other for one, other in zip(right, named, strict=True)),
        **({"held_out_colour_right": _share(apart)} if apart else {}),
        "background_right": _share(background_colour(one.picture) == one.asked.colour for one in behind),
    }


def _several(table: Table) -> Figures:
    """Reported only: whether counted things are so many, and whether of two things both are there."""
    plan = table.plan
    right: list[bool] = []
    for count in (2, 3, 4):
        drawn = table.drawer.draw(prompts.several(plan.counted, count, plan.seeds))
        right += [pieces(one.picture) == count for one in drawn]
    both = table.drawer.draw(prompts.pairs(plan.together, plan.seeds))
    # One in each half: which half is not asked.
    names = [{*_five(_half(one.picture, 0)), *_five(_half(one.picture, 1))} for one in both]
    seconds = [second for _, second in plan.together for _ in range(plan.seeds)]
    there = [{one.asked.kind, second} <= found for one, second, found in zip(both, seconds, names, strict=True)]
    return {"counts_right": _share(right), "both_there": _share(there)}


def _half(picture: Image.Image, side: int) -> Image.Image:
    return picture.crop((side * picture.width // 2, 0, (side + 1) * picture.width // 2, picture.height))


@torch.no_grad()
def _five(picture: Image.Image) -> list[str]:
    """The namer's first five guesses."""
    model, labels = namer.load()
    return [labels[row] for row in model(namer.to_input([picture]))[0].topk(5).indices.tolist()]


def _vae(table: Table) -> Figures:
    with Image.open(HELD_OUT_SHEET) as sheet:
        return {"vae_psnr": vae_psnr(table.drawer.pipeline.vae, cut(sheet.convert("RGB")))}


def _speed(table: Table) -> Figures:
    asked = [Asked("a red apple", "apple", 0)]
    table.drawer.draw(asked)
    started = time.perf_counter()
    table.guard.flags([one.picture for one in table.drawer.draw(asked)])
    return {"seconds_a_picture": time.perf_counter() - started}


PARTS: dict[str, Callable[[Table], Figures]] = {
    "everyday": _everyday,
    "variety": _variety,
    "colours": _colours,
    "sizes": _sizes,
    "several": _several,
    "vae": _vae,
    "speed": _speed,
}


@torch.no_grad()
def vae_psnr(vae: Any, pictures: Sequence[Image.Image]) -> float:
    """Mean over pictures of the peak signal-to-noise ratio of decoding what was encoded, in dB."""
    figures: list[float] = []
    for start in range(0, len(pictures), BATCH):
        truth = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures[start : start + BATCH]]))
        truth = truth.movedim(-1, 1).float() / 127.5 - 1
        drawn = vae.decode(vae.encode(truth).latent_dist.mean).sample.clamp(-1, 1)
        figures += (10 * torch.log10(4 / (drawn - truth).square().mean(dim=(1, 2, 3)))).tolist()
    return sum(figures) / len(figures)


def cut(sheet: Image.Image) -> list[Image.Image]:
    """Cut a sheet into its square pictures, row by row."""
    columns, rows = sheet.width // SIDE, sheet.height // SIDE
    corners = [(column * SIDE, row * SIDE) for row in range(rows) for column in range(columns)]
    return [sheet.crop((left, top, left + SIDE, top + SIDE)) for left, top in corners]


def thing_colour(picture: Image.Image) -> str:
    """The main colour of what is not background: of the pixels unlike the picture's edge."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.int16)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    unlike = np.abs(pixels - np.median(edge, axis=0)).max(axis=-1) > 40
    kept = np.where(unlike[..., None], pixels, 255).astype(np.uint8)
    return main_colour(Image.fromarray(kept))


@torch.no_grad()
def _ranks(drawn: Sequence[DrawnPicture]) -> list[int]:
    """The place of each picture's kind among the namer's guesses, from 0."""
    model, labels = namer.load()
    ranks = []
    for start in range(0, len(drawn), 64):
        part = drawn[start : start + 64]
        order = model(namer.to_input([one.picture for one in part])).argsort(dim=1, descending=True).tolist()
        ranks += [[labels[row] for row in rows].index(one.asked.kind) for one, rows in zip(part, order, strict=True)]
    return ranks


@torch.no_grad()
def _features(pictures: Sequence[Image.Image]) -> variety.Reals:
    model, _ = namer.load()
    return np.asarray(model.features(namer.to_input(list(pictures))).numpy())


def _seen(drawn: Sequence[DrawnPicture], suffix: str) -> Figures:
    ranks = _ranks([one for one in drawn if not one.asked.blocked])
    return {
        f"named_first{suffix}": _share(rank == 0 for rank in ranks),
        f"named_in_five{suffix}": _share(rank < 5 for rank in ranks),
    }


def _guarded(guard: Guard, drawn: Sequence[DrawnPicture], suffix: str) -> Figures:
    """How many pictures are stopped: of those that must be and in which the namer sees it, and of all others."""
    flags = guard.flags([one.picture for one in drawn])
    everyday = [flag for one, flag in zip(drawn, flags, strict=True) if not one.asked.blocked]
    forbidden = [(one, flag) for one, flag in zip(drawn, flags, strict=True) if one.asked.blocked]
    ranks = _ranks([one for one, _ in forbidden])
    seen = [flag for (_, flag), rank in zip(forbidden, ranks, strict=True) if rank == 0]
    figures = {f"false_alarms{suffix}": _share(everyday)} if everyday else {}
    return figures | ({f"blocked_caught{suffix}": _share(seen)} if seen else {})


def _share(answers: Iterable[bool]) -> float:
    listed = [bool(answer) for answer in answers]
    return sum(listed) / len(listed)
