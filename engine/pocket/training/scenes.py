"""Pictures made up by chance: things from the sets of drawings, placed on grounds, with what a person would say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from PIL import Image

from engine.pocket.training import captions, grounds
from engine.pocket.training.grounds import Ground
from engine.pocket.training.paint import PAINTS, painted
from engine.pocket.training.render import SETS, Bytes, Gallery
from engine.pocket.training.subjects import SUBJECTS

# How often a style is named, and which one then is.
NAMED_STYLE = 0.25
STYLE_SHARES = {"3d": 0.3, "flat": 0.25, "noto": 0.25, "line art": 0.2}
PAINTED = 0.3
# Painted without a word: things that one meets in every colour.
ANY_COLOUR = frozenset(
    (
        "car", "bus", "balloon", "gift", "book", "umbrella", "t-shirt", "candy", "cupcake", "teapot",
        "helicopter", "motorcycle", "scooter", "tent", "drum", "telephone", "watch", "chair", "couch", "bed",
        "door", "bucket", "dress", "socks", "sneaker", "boot", "scarf", "backpack", "cap", "kite",
    )
)  # fmt: skip
PAINTED_UNSAID = 0.2
TWO_THINGS, COUNTED = 0.05, 0.05
# One in so many pairs of subject and colour is never shown, to see whether colour words are understood by themselves.
HELD_OUT_PAINTS_EVERY = 9
SIZES = {"small": (0.24, 0.4), "": (0.5, 0.92), "big": (0.92, 1.0)}


@dataclass(frozen=True)
class Thing:
    """One drawing in a picture.

    Args:
        subject: number in `SUBJECTS`.
        code, kind: which drawing, as in `Gallery.index`.
        size: longer side, as a share of the picture's shorter side.
        middle: right and down, as shares of the picture.
        turn: degrees, counter-clockwise.
        flip: mirrored left and right.
        paint: a key of `PAINTS`, or empty.
    """

    subject: int
    code: str
    kind: str
    size: float = 0.8
    middle: tuple[float, float] = (0.5, 0.5)
    turn: float = 0.0
    flip: bool = False
    paint: str = ""


@dataclass(frozen=True)
class Scene:
    """One picture.

    Args:
        things: what it shows: one thing, two different ones, or one several times.
        ground: what lies behind.
        shape: width and height in pixels.
        style: a key of `STYLE_WORDS` that the caption must name, or empty.
        size: a word of `SIZES`.
        says_paint: whether the caption names the paint.
    """

    things: tuple[Thing, ...]
    ground: Ground = grounds.PLAIN
    shape: tuple[int, int] = (128, 128)
    style: str = ""
    size: str = ""
    says_paint: bool = True

    @property
    def subject(self) -> int:
        return self.things[0].subject

    def picture(self, gallery: Gallery) -> Bytes:
        """(height, width, 3) bytes."""
        canvas = Image.fromarray(grounds.draw(self.ground, *self.shape)).convert("RGBA")
        for thing in self.things:
            _put(thing, gallery, canvas)
        return np.asarray(canvas.convert("RGB"))

    def words(self, random: Generator) -> str:
        """A caption, worded by chance."""
        first, last = self.things[0], self.things[-1]
        subject = SUBJECTS[first.subject]
        if last.subject != first.subject:
            words = f"{captions.article(subject.label)} and {captions.article(SUBJECTS[last.subject].label)}"
        elif len(self.things) > 1:
            words = captions.counted(subject, len(self.things), first.paint)
        else:
            # The colour word suits the main drawing; other poses may have others.
            own = first.code == subject.code and not first.paint and first.kind != "line art"
            said = first.paint if self.says_paint else ""
            size = self.size if random.random() < 0.7 else ""
            words = captions.thing(subject, random, subject.colour if own else "", said, size)
        return captions.framed(words, self.style, self.ground, random)


def choose(gallery: Gallery, shape: tuple[int, int], random: Generator) -> Scene:
    """Make up a picture of a subject that is chosen by chance, too."""
    share = random.random()
    number = int(random.integers(len(SUBJECTS)))
    style = str(random.choice(list(STYLE_SHARES), p=list(STYLE_SHARES.values())))
    style = style if random.random() < NAMED_STYLE else ""
    first = _paint(_pick(gallery, number, style, random), random)
    # Black lines would be lost on what is dark.
    ground = grounds.PLAIN if style == "line art" else grounds.choose(random)
    said = bool(first.paint and (SUBJECTS[number].names[0] not in ANY_COLOUR or random.random() > PAINTED_UNSAID))
    if share < TWO_THINGS:
        other = (number + 1 + int(random.integers(len(SUBJECTS) - 1))) % len(SUBJECTS)
        pair = (replace(first, paint=""), _pick(gallery, other, style, random))
        return Scene(_in_a_row(pair, shape, random), ground, shape, style)
    if share < TWO_THINGS + COUNTED:
        count = 2 + int(random.integers(3))
        return Scene(_in_a_row((first,) * count, shape, random), ground, shape, style)
    size = str(random.choice(list(SIZES), p=(0.1, 0.8, 0.1)))
    return Scene((_placed(first, size, ground, shape, random),), ground, shape, style, size, said)


def alone(thing: Thing, shape: tuple[int, int], random: Generator) -> Scene:
    """One drawing as it is, turned, mirrored, placed and backed by chance."""
    ground = grounds.PLAIN if thing.kind == "line art" else grounds.choose(random)
    turned = replace(thing, turn=_turn(random), flip=bool(random.random() < 0.5))
    size = str(random.choice(list(SIZES), p=(0.15, 0.7, 0.15)))
    return Scene((_placed(turned, size, ground, shape, random),), ground, shape, size=size)


def held_out_paint(subject: int, paint: str) -> bool:
    """Say whether this subject is never shown in this colour."""
    return (subject * 5 + list(PAINTS).index(paint) * 2) % HELD_OUT_PAINTS_EVERY == 0


def _pick(gallery: Gallery, number: int, style: str, random: Generator) -> Thing:
    """One drawing of a subject: of the style that is named, else of any but line art, which has no colours."""
    kinds = [kind for kind, own in SETS.items() if (own == style if style else own != "line art")]
    found = gallery.drawings(SUBJECTS[number].codes, kinds)
    # Twice as often the main emoji: a cat is a cat's face first.
    weights = np.array([2.0 if code == SUBJECTS[number].code else 1.0 for code, _ in found])
    code, kind = found[random.choice(len(found), p=weights / weights.sum())]
    return Thing(number, code, kind, turn=_turn(random), flip=bool(random.random() < 0.5))


def _turn(random: Generator) -> float:
    return float(np.clip(random.normal(0, 8), -20, 20)) if random.random() < 0.6 else 0.0


def _paint(thing: Thing, random: Generator) -> Thing:
    if not SUBJECTS[thing.subject].paintable or thing.kind == "line art" or random.random() > PAINTED:
        return thing
    shown = [paint for paint in PAINTS if not held_out_paint(thing.subject, paint)]
    return replace(thing, paint=str(random.choice(shown)))


def _placed(thing: Thing, size: str, ground: Ground, shape: tuple[int, int], random: Generator) -> Thing:
    """Give a thing its size and a place where it is wholly seen; on a floor it stands."""
    share = random.uniform(*SIZES[size])
    short = min(shape)
    room = [max(0.0, 1 - share * short / side) / 2 for side in shape]
    right, down = (0.5 + reach * random.uniform(-1, 1) for reach in room)
    if ground.kind in grounds.STANDING:
        # Its feet are between the horizon and the lower edge.
        feet = random.uniform(ground.horizon + 0.1, 1.0)
        down = float(np.clip(feet - share * short / shape[1] / 2, 0.5 - room[1], 0.5 + room[1]))
    return replace(thing, size=share, middle=(right, down))


def _in_a_row(things: tuple[Thing, ...], shape: tuple[int, int], random: Generator) -> tuple[Thing, ...]:
    """Put things beside each other along the longer side, four in two rows unless the picture is wide."""
    width, height = shape
    count = len(things)
    columns, rows = (2, 2) if count == 4 and width <= height else (1, count) if height > width else (count, 1)
    cell = (width / columns, height / rows)
    size = min(*cell) * random.uniform(0.75, 0.95) / min(shape)
    placed = []
    for place, thing in enumerate(things):
        free = [max(0.0, side - size * min(shape)) / 2 for side in cell]
        x = cell[0] * (place % columns + 0.5) + free[0] * random.uniform(-0.8, 0.8)
        y = cell[1] * (place // columns + 0.5) + free[1] * random.uniform(-0.8, 0.8)
        placed.append(replace(thing, size=size, middle=(x / width, y / height), turn=_turn(random)))
    return tuple(placed)


def _put(thing: Thing, gallery: Gallery, canvas: Image.Image) -> None:
    drawing = gallery.picture(thing.code, thing.kind)
    if thing.paint:
        drawing = painted(drawing, PAINTS[thing.paint])
    image = Image.fromarray(np.ascontiguousarray(drawing[:, ::-1] if thing.flip else drawing))
    if thing.turn:
        image = image.rotate(thing.turn, Image.Resampling.BICUBIC, expand=True)
    # Drawings have margins of all widths; a size means what is seen.
    image = image.crop(image.getchannel("A").point(lambda value: 255 * (value > 16)).getbbox())
    scale = thing.size * min(canvas.size) / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    left = round(canvas.width * thing.middle[0] - width / 2)
    top = round(canvas.height * thing.middle[1] - height / 2)
    layer = Image.new("RGBA", canvas.size)
    layer.paste(image, (left, top))
    canvas.alpha_composite(layer)
