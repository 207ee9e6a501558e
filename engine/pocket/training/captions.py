"""Captions in the forms people type."""

from __future__ import annotations

from numpy.random import Generator

from engine.pocket.training.grounds import COLOURS, PLACES, Ground
from engine.pocket.training.paint import PAINTS
from engine.pocket.training.subjects import SHARED_NAMES, SUBJECTS, Subject

# A caption without a style word means any style but line art.
STYLE_WORDS = {
    "3d": ("3d", "3d render", "3d style"),
    "flat": ("flat", "flat illustration", "vector", "minimal"),
    "noto": ("noto", "cartoon", "cartoon style"),
    "line art": ("line art", "black and white", "sketch", "line drawing"),
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
_ADJECTIVES = ("cute", "beautiful", "nice", "simple", "happy", "cool", "pretty", "single")
_SIZE_WORDS = {"small": ("small", "little", "tiny"), "big": ("big", "large", "huge")}
# What pocket does not know how to show: it learns to pass over it.
_DOINGS = (
    "with big eyes",
    "standing",
    "sleeping",
    "running",
    "flying",
    "smiling",
    "wearing a scarf",
    "in the city",
)
_ENDINGS = ("highly detailed", "detailed", "digital art", "high quality")
_NUMBERS = {2: "two", 3: "three", 4: "four"}
# How often a background is named, by what it is.
_NAMED_WHITE, _NAMED_COLOUR, _NAMED_PLACE = 0.25, 0.6, 0.65


def caption(subject: Subject, style: str, ground: Ground, random: Generator, paint: str = "") -> str:
    """Word a picture of one thing as a person might.

    Args:
        subject: what it shows.
        style: a key of `STYLE_WORDS`, which is then named, or empty.
        ground: what lies behind; named some of the time.
        random: decides the wording.
        paint: the colour word of a picture that was painted, or empty.
    """
    natural = "" if paint or style == "line art" else subject.colour
    return framed(thing(subject, random, natural, paint), style, ground, random)


def thing(subject: Subject, random: Generator, natural: str = "", said: str = "", size: str = "") -> str:
    """Name one thing, with an article most of the time.

    Args:
        subject: what it is.
        random: decides the wording.
        natural: the colour word that suits it and may be said, or empty.
        said: a colour word that must be said, or empty.
        size: a key of the size words that must be said, or empty.
    """
    # The first name is the commonest one, and the one worth most of the learning.
    others = len(subject.names) - 1
    name = subject.names[0] if not others or random.random() < 0.6 else subject.names[1 + random.integers(others)]
    says_colour = random.random() < (0.9 if subject.names[0] in SHARED_NAMES else 0.4)
    if said or (natural not in ("", name) and says_colour):
        name = f"{said or natural} {name}"
    if size:
        name = f"{_pick(_SIZE_WORDS[size], random)} {name}"
    elif random.random() < 0.1:
        name = f"{_pick(_ADJECTIVES, random)} {name}"
    how = random.random()
    if how < 0.6:
        return article(name)
    return f"the {name}" if how < 0.65 else name


def article(name: str) -> str:
    """A name with `a` or `an` before it."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def counted(subject: Subject, count: int, paint: str = "") -> str:
    """Name several of one thing: `three red apples`."""
    words = paint or (subject.colour if subject.names[0] in SHARED_NAMES else "")
    return " ".join(filter(None, (_NUMBERS[count], words, plural(subject.names[0]))))


def plural(name: str) -> str:
    """More than one of a thing; names that mean several already stay."""
    if name in _PLURAL_ALREADY:
        return name
    if name in _PLURALS:
        return _PLURALS[name]
    if name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"


_PLURAL_ALREADY = frozenset(
    """grapes|cherries|french fries|pancakes|headphones|scissors|glasses|jeans|socks|lips|dice|paw prints|sheep|fish|
    spaghetti|sushi|popcorn|broccoli|bread|corn|lightning|fire""".replace("\n    ", "").split("|")
)
_PLURALS = {
    "mouse": "mice",
    "wolf": "wolves",
    "knife": "knives",
    "maple leaf": "maple leaves",
    "tooth": "teeth",
    "snowman": "snowmen",
    "cup of coffee": "cups of coffee",
    "glass of milk": "glasses of milk",
    "drop of blood": "drops of blood",
}


def framed(words: str, style: str, ground: Ground, random: Generator) -> str:
    """Put what is shown into the rest of a prompt: style, background, and words that mean nothing here."""
    if random.random() < 0.04:
        words += f" {_pick(_DOINGS, random)}"
    if ground.kind in PLACES and random.random() < _NAMED_PLACE:
        words += f" {_pick(PLACES[ground.kind], random)}"
    if random.random() < 0.12:
        words = _pick(_FRAMES, random).format(words)
    if style:
        words = _styled(words, _pick(STYLE_WORDS[style], random), random)
    if ground.kind not in PLACES and random.random() < (_NAMED_WHITE if ground.name == "white" else _NAMED_COLOUR):
        words += _pick((f" on {article(ground.name)}", f" on {article(ground.name)}", f", {ground.name}"), random)
        words += " background"
    elif random.random() < 0.06:
        words += f", {_pick(_ENDINGS, random)}"
    return words


def all_words() -> list[str]:
    """Every phrase the captions are made of, for the tokenizer."""
    phrases = [name for subject in SUBJECTS for name in subject.names]
    phrases += [subject.colour for subject in SUBJECTS if subject.colour]
    phrases += [word for words in STYLE_WORDS.values() for word in words]
    phrases += [plural(subject.names[0]) for subject in SUBJECTS]
    phrases += [word for words in (*_SIZE_WORDS.values(), *PLACES.values()) for word in words]
    phrases += [*PAINTS, *COLOURS, *_NUMBERS.values(), *_FRAMES, *_ADJECTIVES, *_DOINGS, *_ENDINGS]
    return [*phrases, "white", "background", "a", "an", "the", "and", "of", "on", "in"]


def _styled(words: str, style: str, random: Generator) -> str:
    form = random.random()
    if form < 0.6:
        return f"{words}, {style}"
    return f"{style} {words}" if form < 0.8 else f"{words} {style}"


def _pick(choices: tuple[str, ...], random: Generator) -> str:
    return choices[random.integers(len(choices))]
