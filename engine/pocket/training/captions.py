"""Captions in the forms people type."""

from __future__ import annotations

from numpy.random import Generator

from engine.pocket.training.paint import PAINTS
from engine.pocket.training.subjects import SUBJECTS, Subject

# A caption without a style word means the first style.
STYLE_WORDS = {
    "3d": ("3d", "3d render", "3d style"),
    "flat": ("flat", "flat illustration", "vector", "minimal"),
    "noto": ("noto", "cartoon", "cartoon style"),
    "line art": ("line art", "black and white", "sketch", "line drawing"),
}
BACKGROUNDS = {
    "blue": (160, 205, 250),
    "green": (175, 225, 165),
    "yellow": (253, 236, 150),
    "pink": (252, 200, 220),
    "grey": (200, 200, 204),
    "purple": (205, 185, 240),
    "orange": (252, 205, 150),
    "black": (24, 24, 28),
}
_FRAMES = (
    "a photo of {}",
    "a picture of {}",
    "a drawing of {}",
    "an image of {}",
    "draw {}",
    "an icon of {}",
    "a painting of {}",
    "an illustration of {}",
    "please draw {}",
    "{} please",
    "{} emoji",
    "one {}",
)
_ADJECTIVES = ("cute", "beautiful", "nice", "little", "small", "big", "simple", "happy", "cool", "pretty", "single")
# Pocket draws single objects: it learns to pass over where they are and what they do.
_SCENES = (
    "sitting on a table",
    "in the garden",
    "in the forest",
    "in the city",
    "in the sky",
    "at night",
    "in the snow",
    "by the sea",
    "on the grass",
    "in a room",
    "with big eyes",
    "standing",
    "sleeping",
    "running",
    "flying",
    "smiling",
    "wearing a scarf",
)
_ENDINGS = ("highly detailed", "detailed", "on a white background", "white background", "digital art", "high quality")


def caption(subject: Subject, style: str, background: str, random: Generator, paint: str = "") -> str:
    """Word one picture as a person might.

    Args:
        subject: what it shows.
        style: a key of `STYLE_WORDS`.
        background: a key of `BACKGROUNDS`, or empty for white.
        random: decides the wording.
        paint: the colour word of a picture that was painted, or empty.
    """
    words = _things(subject, style, random, paint)
    if random.random() < 0.06:
        words += f" {_pick(_SCENES, random)}"
    if random.random() < 0.15:
        words = _pick(_FRAMES, random).format(words)
    # The default style goes without its word most of the time, the others never.
    if style != "3d" or random.random() < 0.35:
        words = _styled(words, _pick(STYLE_WORDS[style], random), random)
    if background:
        words += f"{_pick((' on a ', ', '), random)}{background} background"
    elif random.random() < 0.08:
        words += f", {_pick(_ENDINGS, random)}"
    return words


def all_words() -> list[str]:
    """Every phrase the captions are made of, for the tokenizer."""
    phrases = [name for subject in SUBJECTS for name in subject.names]
    phrases += [subject.colour for subject in SUBJECTS if subject.colour]
    phrases += [word for words in STYLE_WORDS.values() for word in words]
    phrases += [*PAINTS, *BACKGROUNDS, *_FRAMES, *_ADJECTIVES, *_SCENES, *_ENDINGS]
    return [*phrases, "background", "a", "an", "the", "of", "on", "in"]


def _things(subject: Subject, style: str, random: Generator, paint: str) -> str:
    # The first name is the commonest one, and the one worth most of the learning.
    others = len(subject.names) - 1
    name = subject.names[0] if not others or random.random() < 0.6 else subject.names[1 + random.integers(others)]
    same_name = len([other for other in SUBJECTS if other.names[0] == subject.names[0]]) > 1
    says_colour = random.random() < (0.9 if same_name else 0.4)
    if paint:
        name = f"{paint} {name}"
    elif subject.colour not in ("", name) and style != "line art" and says_colour:
        name = f"{subject.colour} {name}"
    if random.random() < 0.12:
        name = f"{_pick(_ADJECTIVES, random)} {name}"
    article = random.random()
    if article < 0.6:
        return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    return f"the {name}" if article < 0.65 else name


def _styled(words: str, style: str, random: Generator) -> str:
    form = random.random()
    if form < 0.6:
        return f"{words}, {style}"
    return f"{style} {words}" if form < 0.8 else f"{words} {style}"


def _pick(choices: tuple[str, ...], random: Generator) -> str:
    return choices[random.integers(len(choices))]
