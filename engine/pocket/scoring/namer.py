"""A small classifier that says what a picture of pocket's shows. It learnt from drawings that pocket never saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.pocket.training.subjects import SUBJECTS

SIDE = 64
FOLDER = Path(__file__).parent
_WEIGHTS, _LABELS = "namer.safetensors", "namer.json"
CHANNELS = (32, 64, 128, 192)


def kinds() -> tuple[str, ...]:
    """What can be named: every subject's first name, once. Apples of two colours are one kind."""
    return tuple(dict.fromkeys(subject.names[0] for subject in SUBJECTS))


class _Stage(nn.Module):
    """Halve the picture, then look again."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.halve = nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        self.look = nn.Sequential(
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, seen: Tensor) -> Tensor:
        halved: Tensor = self.halve(seen)
        return torch.relu(halved + self.look(halved))


class Namer(nn.Module):
    """Scores of every kind for pictures.

    Args:
        count: of kinds.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        torch.manual_seed(4)
        stages = [_Stage(before, after) for before, after in zip((3, *CHANNELS), CHANNELS, strict=False)]
        self.stages, self.name = nn.Sequential(*stages), nn.Linear(CHANNELS[-1], count)

    def forward(self, pictures: Tensor) -> Tensor:
        """(pictures, kinds) from (pictures, 3, 64, 64) values in -1 to 1."""
        return self.name(self.features(pictures))  # type: ignore[no-any-return]

    def features(self, pictures: Tensor) -> Tensor:
        """(pictures, 192): what it looks at to name them."""
        return self.stages(pictures).mean(dim=(2, 3))  # type: ignore[no-any-return]


def save(namer: Namer, folder: Path = FOLDER) -> None:
    """Write a classifier, in half precision, with the kinds it names."""
    save_file({name: value.half().contiguous() for name, value in namer.state_dict().items()}, folder / _WEIGHTS)
    (folder / _WEIGHTS).chmod(0o644)
    (folder / _LABELS).write_text(json.dumps(kinds()) + "\n")


def load() -> tuple[Namer, tuple[str, ...]]:
    """The shipped classifier and the kinds it names, in the order of its scores."""
    labels = tuple(json.loads((FOLDER / _LABELS).read_text()))
    namer = Namer(len(labels))
    namer.load_state_dict({name: value.float() for name, value in load_file(FOLDER / _WEIGHTS).items()})
    return namer.eval(), labels


def to_input(pictures: list[Image.Image]) -> Tensor:
    """(pictures, 3, 64, 64) network input from RGB pictures of any size, the longer side fitted in."""
    small = [np.asarray(squared(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for picture in pictures]
    return torch.from_numpy(np.stack(small)).movedim(-1, 1).float() / 127.5 - 1


def squared(picture: Image.Image) -> Image.Image:
    """A picture made square by repeating its outermost rows or columns."""
    side = max(picture.size)
    rows, columns = side - picture.height, side - picture.width
    if not rows and not columns:
        return picture
    margins = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0))
    return Image.fromarray(np.pad(np.asarray(picture), margins, mode="edge"))
