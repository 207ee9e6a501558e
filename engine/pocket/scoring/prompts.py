"""What pocket is asked to draw to be scored."""

from __future__ import annotations

from collections.abc import Sequence

from engine.pocket.scoring.drawing import FIRST_SEED, Asked
from engine.pocket.training.captions import article, counted
from engine.pocket.training.paint import PAINTS
from engine.pocket.training.scenes import held_out_paint
from engine.pocket.training.subjects import SUBJECTS, Subject

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
COLOURED = ("car", "balloon", "umbrella", "book", "dress", "star", "fish", "backpack", "telephone", "cat")
ON_GROUNDS = ("cat", "tree", "robot", "pizza", "house", "key")
VARIED = (
    "red apple", "banana", "strawberry", "pizza", "hamburger", "ice cream", "birthday cake", "rose", "sunflower",
    "tree", "cactus", "cat", "dog", "rabbit", "fox", "panda", "lion", "frog", "penguin", "owl",
    "horse", "butterfly", "fish", "whale", "elephant", "car", "bus", "train", "airplane", "rocket",
    "house", "castle", "sun", "moon", "red heart", "guitar", "key", "book", "crown", "robot",
)  # fmt: skip
COUNTED = ("apple", "cat", "star", "car")
TOGETHER = (("cat", "dog"), ("tree", "house"), ("banana", "strawberry"), ("car", "bicycle"))
ON_WHITE = "{} on a white background"
SUBTLE, STRONG, REROLL = 0.15, 0.4, 1.0
"""How far the bot's Vary turns the noise, and how far Reroll does."""


def everyday(subjects: Sequence[Subject], seeds: int) -> list[Asked]:
    """Every subject as it is, blocked ones among them."""
    return [
        Asked(article(subject.label), subject.names[0], FIRST_SEED + seed, blocked=subject.blocked)
        for subject in subjects
        for seed in range(seeds)
    ]


def coloured(names: Sequence[str], seeds: int) -> list[Asked]:
    """Some things in each of `COLOURS`."""
    numbers = {subject.names[0]: number for number, subject in enumerate(SUBJECTS) if subject.paintable}
    return [
        Asked(
            article(f"{colour} {name}"),
            name,
            FIRST_SEED + seed,
            colour,
            held_out=colour in PAINTS and held_out_paint(numbers[name], colour),
        )
        for name in names
        for colour in COLOURS
        for seed in range(seeds)
    ]


def on_grounds(names: Sequence[str], seeds: int) -> list[Asked]:
    """Some things on backgrounds of each of `COLOURS`."""
    return [
        Asked(f"{article(name)} on {article(colour)} background", name, FIRST_SEED + seed, colour)
        for name in names
        for colour in COLOURS
        for seed in range(seeds)
    ]


def various(labels: Sequence[str], seeds: int, form: str = "{}") -> list[Asked]:
    """Some prompts, each with many seeds."""
    return [Asked(form.format(article(label)), label, FIRST_SEED + seed) for label in labels for seed in range(seeds)]


def turned(labels: Sequence[str], turn: float) -> list[Asked]:
    """One picture of each, its noise turned so far towards another noise."""
    return [Asked(article(label), label, FIRST_SEED, towards=FIRST_SEED + 1000, turn=turn) for label in labels]


def pairs(things: Sequence[tuple[str, str]], seeds: int) -> list[Asked]:
    """Two different things in one picture."""
    return [
        Asked(f"{article(first)} and {article(second)}", first, FIRST_SEED + seed)
        for first, second in things
        for seed in range(seeds)
    ]


def several(names: Sequence[str], count: int, seeds: int) -> list[Asked]:
    """So many of each thing in one picture, on white."""
    wanted = [next(subject for subject in SUBJECTS if subject.names[0] == name) for name in names]
    return [
        Asked(ON_WHITE.format(counted(subject, count)), subject.names[0], FIRST_SEED + seed)
        for subject in wanted
        for seed in range(seeds)
    ]
