"""Upscalers: networks that make a finished picture larger, beside the models that draw."""

from __future__ import annotations

from dataclasses import dataclass

FACTORS = (2, 4)
"""By which a picture can be made larger."""


@dataclass(frozen=True, slots=True)
class Upscaler:
    """An upscaler of the catalogue.

    Args:
        name: short, unique.
        title: name people read.
        revision: of its files.
        factor: by which it makes each side larger; a smaller one is made by reducing what it made.
    """

    name: str
    title: str
    revision: str
    factor: int


@dataclass(frozen=True, slots=True)
class UpscalerUse:
    """An upscaler in a recipe, which then has a picture to start from and draws nothing else.

    Args:
        name, revision: of the upscaler, as in the catalogue.
        factor: by which each side is to grow, one of FACTORS.
    """

    name: str
    revision: str
    factor: int

    def __post_init__(self) -> None:
        if self.factor not in FACTORS or isinstance(self.factor, bool):
            raise ValueError(f"an upscaler's factor must be one of {FACTORS}, not {self.factor!r}")
        object.__setattr__(self, "factor", int(self.factor))
