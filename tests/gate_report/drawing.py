"""Pocket as a worker has it, drawing many pictures at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from PIL import Image

from engine.api import GenerationRequest, ImageSeed
from engine.catalog import load_catalog
from engine.pocket.scoring import namer
from engine.pocket.training.subjects import SUBJECTS, Subject
from engine.worker.jobs import begin_job
from engine.worker.loading.model_cache import ModelCache
from engine.worker.loading.pipelines import LoadedModel
from engine.worker.runtime.device import open_device
from engine.worker.safety import Review, SafetyGate, load_floor
from engine.worker.safety.images import to_picture
from engine.worker.sampling.batch import ImageState, decode, pack
from engine.worker.sampling.steps import advance

REPOSITORY = Path(__file__).parents[2]
FORBIDDEN = tuple(subject for subject in SUBJECTS if subject.blocked)
HARMLESS = tuple(subject for subject in SUBJECTS if not subject.blocked)
STEPS = 20
SIDE = 128
"""Of pocket's square pictures, in pixels."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One picture to draw."""

    subject: Subject
    seed: int
    width: int = SIDE
    height: int = SIDE
    scheduler: str = "DPM++ 2M"

    @property
    def prompt(self) -> str:
        """What somebody would type."""
        label = self.subject.label
        return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"


class Studio:
    """Pocket, its gate and the namer.

    Args:
        threads: CPU threads of torch.
    """

    def __init__(self, threads: int) -> None:
        device = open_device("cpu", threads, "fast")
        catalog = load_catalog(REPOSITORY / "config" / "models.toml", Path("/nonexistent"))
        self._entry = catalog.entries[0]
        self._rows = device.rows
        self.model: LoadedModel = ModelCache(catalog, device, load_floor()).get(self._entry.info.id)

    @property
    def gate(self) -> SafetyGate:
        """Pocket's gate."""
        return self.model.gate

    @cached_property
    def _namer(self) -> tuple[namer.Namer, tuple[str, ...]]:
        return namer.load()

    def draw(
        self, wanted: Sequence[Wanted], steps: int = STEPS, seen: Callable[[int, ImageState], None] | None = None
    ) -> list[Image.Image]:
        """Draw pictures of one size, without asking the gate.

        Args:
            wanted: of equal width, height and noise scheduler.
            steps: of each.
            seen: called with a picture's index and state after each of its steps.
        """
        drawings = [self._begin(one, steps) for one in wanted]
        index = {id(drawing): at for at, drawing in enumerate(drawings)}
        while batch := pack(sorted(drawings, key=lambda each: each.step), self._rows, {}):
            advance(batch)
            for drawing in batch.image_states if seen else ():
                assert seen is not None
                seen(index[id(drawing)], drawing)
        return [to_picture(decode(drawing)) for drawing in drawings]

    def _begin(self, wanted: Wanted, steps: int) -> ImageState:
        recipe = replace(
            self._entry.info.usual_recipe(),
            prompt=wanted.prompt,
            width=wanted.width,
            height=wanted.height,
            scheduler=wanted.scheduler,
            steps=steps,
            images=(ImageSeed(wanted.seed),),
        )
        (drawing,) = begin_job(GenerationRequest(recipe, "report", 1, 0.0, "", previews=False), self.model).image_states
        return drawing

    def judge(self, picture: Image.Image) -> Review:
        """Ask the gate about a finished picture."""
        return self.gate.judge(picture)

    @torch.no_grad()
    def shows(self, picture: Image.Image, subject: Subject) -> bool:
        """Say whether the namer's first guess at the whole picture, or at a square of its middle, is the subject."""
        network, labels = self._namer
        short = min(picture.size)
        left, top = (picture.width - short) // 2, (picture.height - short) // 2
        middle = picture.crop((left, top, left + short, top + short))
        views = [picture] if picture.width == picture.height else [picture, middle]
        guesses = network(namer.to_input(views)).argmax(dim=1).tolist()
        return subject.names[0] in {labels[guess] for guess in guesses}
